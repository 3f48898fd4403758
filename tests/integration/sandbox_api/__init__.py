"""The emulated ChatDaddy, held to the documentation of the real one."""
