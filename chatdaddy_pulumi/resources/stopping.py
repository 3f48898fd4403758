"""Knowing in the provider host when to stop: Ctrl-C, and an engine that is gone.

The SDK's host does nothing when the engine tells it to cancel, and it lives on when the engine is
killed. Work that buys thousands of accounts must heed both: after Ctrl-C it finishes what is under
way, so that it is saved; without an engine nobody would save it, so it ends at once.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

_cancelled = threading.Event()
_started = threading.Lock()
_watching = False


def stop_reason() -> str | None:
    """Why no further account should be begun; None to go on."""
    if _cancelled.is_set():
        return "the run was cancelled"
    if not threading.main_thread().is_alive():
        return "the provider host is being stopped"
    return None


def heed_engine() -> None:
    """Begin to listen: in the provider host, once; anywhere else nothing happens."""
    global _watching
    servicer = getattr(sys.modules.get("__main__"), "DynamicResourceProviderServicer", None)
    address = sys.argv[1] if len(sys.argv) > 1 else ""
    with _started:
        if _watching or servicer is None or ":" not in address:
            return
        _watching = True
    # The server holds the method itself, so only its code can still be exchanged.
    servicer.Cancel.__code__ = _cancel.__code__
    host, _, port = address.rpartition(":")
    watch = threading.Thread(target=_end_with_engine, args=(host, int(port)), daemon=True)
    watch.start()


def _cancel(self, request, context):  # type: ignore[no-untyped-def]
    """`Cancel` of the host. Runs among the host's globals: everything else is imported."""
    from google.protobuf import empty_pb2

    from chatdaddy_pulumi.resources import stopping

    stopping._cancelled.set()
    return empty_pb2.Empty()


def _end_with_engine(host: str, port: int) -> None:
    """Wait on a connection that ends when the engine does; then end this process."""
    while True:
        try:
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.settimeout(None)
                # The engine's server says something, then hangs up on who does not answer.
                while connection.recv(4096):
                    pass
        except ConnectionRefusedError:
            os._exit(1)
        except OSError:
            time.sleep(0.05)
