"""The processes that the engine starts: ``child.py host ENGINE`` and ``child.py program SETTINGS``.

The project's own interpreter runs this file. It need not have this package, so only Pulumi's SDK is
used. `host` is ``python -m pulumi.dynamic``. `program` is what Pulumi's language host runs
(pulumi-language-python-exec, which is not in the SDK's package). Both end when their standard input
closes, so that none outlives an engine that was killed.
"""

import asyncio
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SHOWN_TO_THE_USER = 32  # the exit code if the error was already logged


def end_with_the_engine() -> None:
    """Exit when the engine's end of the pipe closes. The program itself gets an empty input."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def host(engine: str) -> None:
    sys.path[0] = os.getcwd()
    sys.argv = ["pulumi.dynamic", engine]
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)


def program(given: "dict[str, Any]") -> None:
    import pulumi
    import pulumi.runtime

    entry = given.pop("entry")
    del sys.path[0]
    sys.argv = [entry]
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    settings = pulumi.runtime.Settings(**given)
    pulumi.runtime.configure(settings)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    workers = ThreadPoolExecutor(max_workers=max(settings.parallel, 1) * 4)
    loop.set_default_executor(workers)
    # A failed program leaves futures unobserved. asyncio's warnings would hide the error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    code = 1
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: run(entry)))
        code = 0
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except Exception:
        pulumi.log.error("Program failed with an unhandled exception:\n" + user_trace(entry))
        code = SHOWN_TO_THE_USER
    finally:
        workers.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    sys.exit(code)


def run(entry: str) -> None:
    runpy.run_path(entry, run_name="__main__")


def user_trace(entry: str) -> str:
    """The traceback from the user's program on, without the frames of the SDK before it."""
    main = os.path.abspath(os.path.join(entry, "__main__.py") if os.path.isdir(entry) else entry)
    frames = traceback.extract_tb(sys.exc_info()[2])
    for index, frame in enumerate(frames):
        if os.path.abspath(frame.filename) == main:
            return traceback.format_exc(limit=index - len(frames))
    return traceback.format_exc()


if __name__ == "__main__":
    end_with_the_engine()
    if sys.argv[1] == "host":
        host(sys.argv[2])
    else:
        program(json.loads(sys.argv[2]))
