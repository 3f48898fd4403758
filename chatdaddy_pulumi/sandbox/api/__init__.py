"""An emulated ChatDaddy."""
