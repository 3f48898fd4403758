"""Keep the program quiet when the engine stops it.

When a preview or an update fails, the engine interrupts the program, and Python would print where
it stood: a traceback of Pulumi's own event loop, above the one line that says what is wrong.
"""

from __future__ import annotations

import sys
from types import TracebackType


def silence() -> None:
    """Print no traceback where the program ends by an interrupt; every other error is as it was."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            before(kind, error, trace)

    sys.excepthook = hook
