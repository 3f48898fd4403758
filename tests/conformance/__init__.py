"""The emulated ChatDaddy by someone else's measure."""
