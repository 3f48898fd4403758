"""The tests. `tests.support` is also used by `bench`."""

import os

# Tests and measurements start hundreds of processes, which should not all compile the package.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
