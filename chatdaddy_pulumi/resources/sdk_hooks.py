"""All uses of private parts of Pulumi's SDK, and additions to its provider host.

The tests in ``tests/unit/resources/test_sdk_hooks.py`` fail if the SDK changes what is used here.
They name the versions of the SDK that they were run with.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from inspect import isawaitable
from types import TracebackType
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2, struct_pb2
from pulumi import runtime
from pulumi.output import Unknown
from pulumi.runtime import config, mocks, rpc, settings
from pulumi.runtime import stack as stacks
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2

from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.spec import UNKNOWN

#: Seconds that a message to the engine may take.
_MESSAGE_S = 5.0

#: Seconds that an answer of the engine may take.
_ANSWER_S = 30.0

# --- the program's side


def silence_interrupts() -> None:
    """Print no traceback if the program is interrupted; other errors stay as they are.

    If a preview or an update fails, the engine interrupts the program. Python would then print a
    traceback of Pulumi's event loop above the line that says what is wrong.
    """
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            before(kind, error, trace)

    sys.excepthook = hook


def under_mocks() -> bool:
    """Whether the program runs in a unit test, under `pulumi.runtime.set_mocks`."""
    return isinstance(settings.SETTINGS.monitor, mocks.MockMonitor)


def engine_address() -> str:
    """The address of the engine that runs this program; "" if there is none."""
    arguments = sys.orig_argv
    return (
        arguments[arguments.index("--engine") + 1]
        if "--engine" in arguments[:-1]
        else (os.environ.get("PULUMI_ENGINE", "") or _address_of(settings.SETTINGS.engine))
    )


def _address_of(stub: Any) -> str:
    """The address that a stub of the SDK calls."""
    try:
        channel = stub.Log._channel
        # gRPC adds its scheme: dns:///127.0.0.1:4711.
        return str(channel.target().decode()).rpartition("/")[2]
    except AttributeError:
        return ""


def is_secret_setting(key: str) -> bool:
    """Whether a key of the stack's configuration, such as ``chatdaddy:baseUrl``, is a secret."""
    return config.is_config_secret(key) or key in config.get_config_secret_keys_env()


def parents() -> dict[pulumi.Resource, pulumi.Resource | None]:
    """All resources, with their parents in this program; None: the root. The SDK keeps only the
    children of each."""
    found = [one for one in gc.get_objects() if issubclass(type(one), pulumi.Resource)]
    none: dict[pulumi.Resource, pulumi.Resource | None] = dict.fromkeys(found)
    # One that failed in its constructor has none.
    return none | {child: one for one in found for child in getattr(one, "_childResources", ())}


def type_of_resource(resource: pulumi.Resource) -> str:
    """Its type; "" if it is only a reference, which knows nothing but its URN."""
    return str(getattr(resource, "_type", ""))


async def registered(resources: Iterable[pulumi.Resource], *, but: pulumi.Resource | None) -> None:
    """Wait until the resources are registered; of a component, all that are in it.

    So the SDK waits for what an input comes from. Without a component that `but` is in: there, it
    fails.
    """
    for whole in resources:
        waiting, inside = [whole], list[pulumi.Resource]()
        while waiting:
            one = waiting.pop()
            is_local = isinstance(one, pulumi.ComponentResource) and not one._remote
            (waiting if is_local else inside).extend(one._childResources if is_local else [one])
        if but not in inside:
            for one in inside:
                await one.urn.future()


def alias_urns(resource: pulumi.Resource | None) -> list[Any]:
    """The URNs that a resource had by its aliases, as the SDK computes them: values and outputs."""
    return list(getattr(resource, "_aliases", ()))


async def known_values(given: Iterable[Any]) -> list[Any]:
    """The values, also of outputs that wait for no resource; without the other outputs, and without
    awaitables, which can only be awaited once."""
    values = [one for one in given if isinstance(one, pulumi.Output) or not isawaitable(one)]
    outputs = await plain_outputs(one for one in values if isinstance(one, pulumi.Output))
    known = [
        outputs.get(id(one), (None, False))[0] if isinstance(one, pulumi.Output) else one
        for one in values
    ]
    return [one for one in known if one is not None]


async def plain_outputs(outputs: Iterable[pulumi.Output[Any]]) -> dict[int, tuple[Any, bool]]:
    """The outputs that wait for no resource, such as a secret of the configuration.

    Returns:
        By the output's `id`: its value, and whether it is a secret. Outputs of resources are left
        out and never waited for, since a resource of this package may wait for this result.
    """
    reading = {id(one): asyncio.ensure_future(_read(one)) for one in outputs}
    for _ in range(_TURNS):
        if all(task.done() for task in reading.values()):
            break
        await asyncio.sleep(0)
    found = {}
    for number, task in reading.items():
        if task.done() and not task.cancelled() and task.exception() is None:
            value, secret, resources = task.result()
            if not resources:
                found[number] = value, secret
    return found


async def _read(output: pulumi.Output[Any]) -> tuple[Any, bool, set[Any]]:
    return await output.future(), await output.is_secret(), await output.resources()


#: Iterations of the event loop after which an output that waits for nothing has its value.
_TURNS = 100


async def register_outputs(urn: str, outputs: Mapping[str, Any]) -> None:
    """Save a component's outputs now, once for each component and run.

    All threads of the SDK may be waiting for registrations (with ``--parallel 1`` there are only
    four), so this uses none of them. The answer may take as long as steps of other packages occupy
    all workers of the engine.
    """
    values = struct_pb2.Struct()
    values.update(dict(outputs))
    monitor: Any = settings.get_monitor()
    request = resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=values)
    await _answer(monitor.RegisterResourceOutputs.future(request))


def has_one_worker() -> bool:
    """Whether the engine does one step at a time, as with ``--parallel 1``."""
    most = settings.SETTINGS.parallel
    return most is not None and most <= 1


def in_program() -> bool:
    """Whether this thread runs a program of the engine, not a unit test or a provider host."""
    monitor = settings.SETTINGS.monitor
    if monitor is None or isinstance(monitor, mocks.MockMonitor):
        return False
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


def at_each_root(begin: Callable[[], Any]) -> None:
    """Call it when a program of this process has its stack's root, and makes resources next."""
    sdk = vars(stacks)
    set_root: Callable[[Any], None] = sdk["set_root_resource"]

    def set_and_begin(root: Any) -> None:
        set_root(root)
        begin()

    sdk["set_root_resource"] = set_and_begin


class _Watched:
    """A method of a stub, and what is called before the request or with the answer."""

    def __init__(
        self,
        call: Any,
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._call, self._before, self._after = call, before, after

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self._before()
        answer = self._call(*arguments, **named)
        self._after(answer)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


def watch(failed: Callable[[], None], over: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Watch this program.

    Args:
        failed: Called if a resource of any package could not be registered, but the program goes
            on, as with ``--continue-on-error``.
        over: Awaited when all resources are registered, before the engine removes the others.
    """
    loop = asyncio.get_running_loop()
    monitor: Any = settings.get_monitor()

    def look(answer: Any) -> None:
        if answer.result != resource_pb2.Result.SUCCESS:
            failed()

    def end() -> None:
        asyncio.run_coroutine_threadsafe(over(), loop).result()

    monitor.RegisterResource = _Watched(monitor.RegisterResource, after=look)
    monitor.ReadResource = _Watched(monitor.ReadResource, after=look)
    monitor.SignalAndWaitForShutdown = _Watched(monitor.SignalAndWaitForShutdown, before=end)


def see_resources(
    see: Callable[[pulumi.Resource, pulumi.ResourceOptions, Mapping[str, Any]], None],
) -> None:
    """Call it for each resource that the program makes from now on, with its options and arguments
    after all transformations.
    """

    def transformation(made: pulumi.ResourceTransformationArgs) -> None:
        # The SDK iterates over this list, which is the resource's own. The program may have added
        # transformations after this one.
        every = made.resource._transformations
        if every[-1] is not transformation:
            every.append(transformation)
        else:
            see(made.resource, made.opts, made.props)

    runtime.register_stack_transformation(transformation)


def tell_root(urn: str) -> None:
    """Tell the engine the stack's root. The SDK does not; `HostProcess.root` asks for it."""
    engine: Any = settings.SETTINGS.engine
    engine.SetRootResource(engine_pb2.SetRootResourceRequest(urn=urn), timeout=_ANSWER_S)


async def _answer(call: Any) -> None:
    """Wait for a call's answer, and raise its error."""
    loop = asyncio.get_running_loop()
    answered = asyncio.Event()

    def wake(_call: Any) -> None:
        with suppress(RuntimeError):  # the program has ended by now
            loop.call_soon_threadsafe(answered.set)

    call.add_done_callback(wake)
    await answered.wait()
    call.result()


# --- the provider host's side

#: New objects after which Python looks for cycles, and how often it looks at older ones. A host
#: reads tens of thousands of accounts, which are no cycles, and ends soon.
_COLLECTIONS = (50_000, 20, 50)


def _host_servicer() -> Any:
    """The SDK's class that serves the engine; None if this process is no provider host."""
    return getattr(sys.modules.get("__main__"), "DynamicResourceProviderServicer", None)


@contextmanager
def fast_start() -> Iterator[None]:
    """Import the providers faster, if this process is a provider host."""
    if _host_servicer() is None:
        yield
        return
    gc.set_threshold(*_COLLECTIONS)
    # At its end, Python would look through all accounts for cycles, and the engine would wait.
    atexit.register(gc.freeze)
    # httpx imports its command, with rich and pygments, unless that module can't be imported.
    command = "httpx._main"
    hidden = command not in sys.modules
    if hidden:
        sys.modules[command] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            sys.modules.pop(command, None)


def from_host(value: Any) -> Any:
    """A value from the host, with unknown values as `UNKNOWN`."""
    if isinstance(value, Unknown):
        return UNKNOWN
    if rpc.is_rpc_secret(value):
        return from_host(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: from_host(inner) for key, inner in value.items()}
    return [from_host(inner) for inner in value] if isinstance(value, list) else value


def raw_configuration(config: Any) -> dict[str, Any]:
    """A host's whole configuration. `Config.get` adds the project's name to a key without a
    namespace, and an explicit provider's properties have none."""
    return dict(config._props)


def show_tracebacks(shown: bool) -> None:
    """Show the whole traceback of an exception that leaves this provider host, or its last line.

    The host formats exceptions with `traceback.format_exc`, which respects `sys.tracebacklimit`.
    """
    if shown:
        if hasattr(sys, "tracebacklimit"):
            del sys.tracebacklimit
    else:
        sys.tracebacklimit = 0


class HostProcess:
    """This provider host's process: sends messages to the engine, and stops if it must.

    The SDK's host ignores the engine's request to cancel, and goes on if the engine is killed. A
    run that buys thousands of accounts must react to both. After Ctrl-C it finishes the work that
    has begun, so that it is saved. Without an engine nothing is saved, so it ends at once.
    """

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._messages = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chatdaddy-log")
        self._engine: Any = None
        servicer = _host_servicer()
        self.engine = sys.argv[1] if servicer is not None and len(sys.argv) > 1 else ""
        if ":" not in self.engine:
            return
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(self.engine))
        # The server has a reference to the method, so only its code can be replaced: by the code of
        # a function that has the event among its defaults.
        servicer.Cancel.__code__ = _cancel.__code__
        servicer.Cancel.__defaults__ = (self._cancelled, empty_pb2.Empty)
        host, _, port = self.engine.rpartition(":")
        watch = threading.Thread(target=_end_with_engine, args=(host, int(port)), daemon=True)
        watch.start()

    def stop_reason(self) -> str | None:
        """Why no further account is started; None to go on."""
        if self._cancelled.is_set():
            return "the run was cancelled"
        if not threading.main_thread().is_alive():
            return "the provider host is being stopped"
        return None

    def log(
        self, message: str, *, severity: str = "info", urn: str = "", passing: bool = False
    ) -> None:
        """Show a line. A separate thread sends lines in order; `flush` waits for it."""
        if self._engine is not None:
            self._messages.submit(self._send, message, severity, urn, passing)

    def _send(self, message: str, severity: str, urn: str, passing: bool) -> None:
        level = engine_pb2.WARNING if severity == "warning" else engine_pb2.INFO
        request = engine_pb2.LogRequest(severity=level, message=message, urn=urn, ephemeral=passing)
        try:
            self._engine.Log(request, timeout=_MESSAGE_S)
        except grpc.RpcError:
            return  # the work continues without the message

    def root(self) -> str:
        """The root that the program of this engine's run has told it; "" if none has.

        An engine remembers it as long as it lives, so it tells the run of this engine from those of
        earlier ones that had the same address.

        Raises:
            NotDone: the engine does not answer.
        """
        if self._engine is None:
            return ""
        request = engine_pb2.GetRootResourceRequest()
        try:
            return str(self._engine.GetRootResource(request, timeout=_ANSWER_S).urn)
        except grpc.RpcError as error:
            raise NotDone(
                "nothing was removed: Pulumi's engine can't be asked which run it is "
                f"({error.code().name})"
            ) from None

    def flush(self) -> None:
        """Wait until the engine has all messages."""
        if self._engine is not None:
            self._messages.submit(lambda: None).result()


def _cancel(self, request, context, cancelled=None, answer=None):  # type: ignore[no-untyped-def]
    """`Cancel` of the host. It runs with the host's globals, so it uses only its defaults."""
    cancelled.set()
    return answer()


def _end_with_engine(host: str, port: int) -> None:
    """Wait for the end of a connection to the engine, which ends with it; then end this process."""
    while True:
        try:
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.settimeout(None)
                # The engine sends something, then closes a connection that does not answer.
                while connection.recv(4096):
                    pass
        except ConnectionRefusedError:
            os._exit(1)
        except OSError:
            time.sleep(0.05)
