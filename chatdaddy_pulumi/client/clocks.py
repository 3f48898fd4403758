"""How far clocks may be apart. Programs import this module, so it imports nothing."""

from __future__ import annotations

#: The maximum difference between this machine's clock and ChatDaddy's, in seconds.
CLOCKS_APART_S = 300.0

#: The maximum difference between the clocks of ChatDaddy's servers, in seconds.
SERVERS_APART_S = 2.0
