"""The tests. `tests.support` is also used by `bench`."""

import os
import signal

# Tests and measurements start hundreds of processes, which should not all compile the package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts background jobs so that they ignore Ctrl-C, and their processes would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
