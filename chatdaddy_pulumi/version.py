"""The version of the installed distribution."""

from __future__ import annotations

from importlib import metadata

try:
    __version__ = metadata.version("chatdaddy-pulumi")
except metadata.PackageNotFoundError:  # the source tree is on the path, but not installed
    __version__ = "0"
