"""A test for every private part of Pulumi's SDK that the package uses, which fails if it
changes.
"""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.dynamic import config as dynamic_config
from pulumi.output import Unknown
from pulumi.resource import DependencyResource
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime import stack as stacks
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

import chatdaddy_pulumi
from chatdaddy_pulumi.resources import sdk_hooks
from chatdaddy_pulumi.spec import UNKNOWN

#: The versions of the SDK with which these tests ran: the oldest that pyproject.toml allows, and
#: the newest. If a newer version passes them, too, raise the second.
OLDEST, NEWEST = (3, 260), (3, 272)

#: What the package uses of `pulumi.runtime` outside of `sdk_hooks`. The SDK documents it.
PUBLIC = {"get_root_resource", "invoke_async", "is_dry_run"}


class NoCalls(mocks.Mocks):
    """Mocks with the minimal answers."""

    def new_resource(self, args: Any) -> tuple[str | None, dict[Any, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: Any) -> dict[Any, Any]:
        return {}


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.AbstractEventLoop]:
    """Set mocks like `pulumi.runtime.set_mocks`, and an event loop, for this test only."""
    monkeypatch.setattr(settings.SETTINGS, "monitor", mocks.MockMonitor(NoCalls()))
    loop, of_mocks = asyncio.new_event_loop(), asyncio.new_event_loop()
    # The mocks answer in a thread, and make a loop there that nobody closes if it has none.
    threads = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(of_mocks,))
    loop.set_default_executor(threads)
    asyncio.set_event_loop(loop)
    yield loop
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    for one in (loop, of_mocks):
        one.close()


@pytest.fixture(scope="module")
def dynamic_host() -> types.ModuleType:
    """The SDK's provider host, without the call that serves forever."""
    found = importlib.util.find_spec("pulumi.dynamic.__main__")
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text())
    *rest, last = tree.body
    assert ast.unparse(last) == "main()"
    tree.body = rest
    module = types.ModuleType("host_of_the_tests")
    exec(compile(tree, found.origin, "exec"), vars(module))
    return module


def test_the_installed_sdk_is_supported() -> None:
    installed = tuple(map(int, metadata.version("pulumi").split(".")[:2]))
    assert OLDEST <= installed <= NEWEST


def test_the_oldest_sdk_is_the_lower_bound() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'"pulumi>={".".join(map(str, OLDEST))},<4"' in project


def test_private_parts_of_the_sdk_are_used_in_one_module_only() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {use}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "sdk_hooks.py"
        for use in _private_uses(ast.parse(path.read_text()))
    }
    assert found == set()


def test_private_parts_are_found() -> None:
    program = """
from pulumi.runtime import rpc
from pulumi.output import Unknown
import pulumi.runtime.settings
pulumi.runtime.settings.SETTINGS
resource._protect
self._own
entry._replace(key="a")
"""
    assert set(_private_uses(ast.parse(program))) == {
        "pulumi.runtime.rpc",
        "pulumi.output.Unknown",
        "pulumi.runtime.settings",
        "_protect",
    }


PACKAGE = Path(chatdaddy_pulumi.__file__).parent

#: Private attributes that are not the SDK's: of named tuples, and of our own classes.
_OWN = {"_note", "_replace", "_fields", "_begun_path", "_writing", "_exit", "_shut"}


def _private_uses(tree: ast.AST) -> Iterator[str]:
    """The submodules of the SDK that a module imports, and the private attributes that it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith("pulumi."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pulumi."):
            if node.module != "pulumi.dynamic":
                yield from (f"{node.module}.{one.name}" for one in node.names)
        elif isinstance(node, ast.Attribute):
            if ast.unparse(node.value) == "pulumi.runtime" and node.attr not in PUBLIC:
                yield f"pulumi.runtime.{node.attr}"
            own = ast.unparse(node.value) in ("self", "cls") or node.attr in _OWN
            if node.attr.startswith("_") and not node.attr.startswith("__") and not own:
                yield node.attr


# --- in the program


def test_an_interrupt_prints_no_traceback_and_other_errors_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(kind))
    sdk_hooks.silence_interrupts()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    sys.excepthook(ValueError, ValueError("x"), None)
    assert seen == [ValueError]


@pytest.mark.usefixtures("mocked")
def test_a_program_under_mocks_is_recognised() -> None:
    assert sdk_hooks.under_mocks()


def test_a_program_without_mocks_is_recognised() -> None:
    assert not sdk_hooks.under_mocks()


def test_the_engine_is_found_on_the_command_line_that_the_language_host_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        sys, "orig_argv", ["python", "exec", "--engine", "127.0.0.1:4711", "--stack", "dev"]
    )
    assert sdk_hooks.engine_address() == "127.0.0.1:4711"


def test_the_engine_is_found_by_the_stub_that_the_sdk_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python"])
    monkeypatch.delenv("PULUMI_ENGINE", raising=False)
    with grpc.insecure_channel("127.0.0.1:4711") as channel:
        monkeypatch.setattr(settings.SETTINGS, "engine", engine_pb2_grpc.EngineStub(channel))
        assert sdk_hooks.engine_address() == "127.0.0.1:4711"


def test_the_parents_and_earlier_urns_of_components_are_known(
    mocked: asyncio.AbstractEventLoop,
) -> None:
    class Thing(pulumi.ComponentResource):
        def __init__(self, name: str, **options: Any) -> None:
            super().__init__("t:t:T", name, None, pulumi.ResourceOptions(**options))

    async def read() -> None:
        outer = Thing("outer", aliases=[pulumi.Alias(name="old")])
        inner = Thing("inner", parent=outer)
        found = sdk_hooks.parents()
        assert found[inner] is outer
        assert found[outer] is None
        (old,) = await sdk_hooks.known_values(sdk_hooks.alias_urns(outer))
        assert old.endswith("::t:t:T::old")
        assert sdk_hooks.alias_urns(inner) == []

    mocked.run_until_complete(read())


def test_a_reference_to_a_resource_has_no_type(mocked: asyncio.AbstractEventLoop) -> None:
    async def read() -> None:
        assert sdk_hooks.type_of_resource(DependencyResource("urn:of:another")) == ""
        assert sdk_hooks.type_of_resource(pulumi.ComponentResource("t:t:T", "one")) == "t:t:T"

    mocked.run_until_complete(read())


def test_programs_begin_with_their_root_and_see_all_transformations(
    mocked: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the transformations that a program registers after this package."""
    monkeypatch.setitem(vars(stacks), "set_root_resource", settings.set_root_resource)
    seen: dict[type, Any] = {}

    def begin() -> None:
        sdk_hooks.see_resources(lambda one, opts, _: seen.update({type(one): opts.protect}))

    class Thing(pulumi.ComponentResource):
        def __init__(self, opts: pulumi.ResourceOptions | None = None) -> None:
            super().__init__("t:t:T", "thing", None, opts)

    class Inner(Thing): ...

    def protects(made: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        opts = pulumi.ResourceOptions.merge(made.opts, pulumi.ResourceOptions(protect=True))
        return pulumi.ResourceTransformationResult(made.props, opts)

    async def run() -> None:
        settings.set_root_resource(None)  # type: ignore[arg-type]
        sdk_hooks.at_each_root(begin)
        stacks.Stack()
        pulumi.runtime.register_stack_transformation(protects)
        Inner(pulumi.ResourceOptions(parent=Thing()))

    before = settings.get_root_resource()
    try:
        mocked.run_until_complete(run())
    finally:
        settings.set_root_resource(before)  # type: ignore[arg-type]
    assert seen == {Thing: True, Inner: True}


def test_outputs_that_wait_for_no_resource_are_read(mocked: asyncio.AbstractEventLoop) -> None:
    class Thing(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("t:t:T", "thing")

    async def read() -> Any:
        plain, secret = pulumi.Output.from_input("a"), pulumi.Output.secret("b")
        late = Thing().urn
        found = await sdk_hooks.plain_outputs([plain, secret, late])
        return found.get(id(plain)), found.get(id(secret)), found.get(id(late))

    assert mocked.run_until_complete(read()) == (("a", False), ("b", True), None)


class Call:
    """A method of a stub that answers at once."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def __call__(self, request: Any, timeout: float) -> None:
        self.sent.append(request)

    def future(self, request: Any) -> Call:
        self.sent.append(request)
        return self

    def add_done_callback(self, told: Callable[[Any], None]) -> None:
        told(self)

    def result(self) -> None: ...


def test_the_engine_gets_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call()
    monkeypatch.setattr(settings.SETTINGS, "engine", types.SimpleNamespace(SetRootResource=call))
    sdk_hooks.tell_root("urn:x")
    (request,) = call.sent
    assert isinstance(request, engine_pb2.SetRootResourceRequest)
    assert request.urn == "urn:x"
    assert hasattr(engine_pb2_grpc.EngineServicer, "SetRootResource")


def test_a_components_outputs_are_registered_by_the_monitor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request and the stub's method are part of the protocol."""
    call = Call()
    monkeypatch.setattr(
        settings, "get_monitor", lambda: types.SimpleNamespace(RegisterResourceOutputs=call)
    )
    asyncio.run(sdk_hooks.register_outputs("urn:x", {"run": "r", "at": 5.0}))
    (request,) = call.sent
    assert isinstance(request, resource_pb2.RegisterResourceOutputsRequest)
    assert request.urn == "urn:x"
    assert dict(request.outputs) == {"run": "r", "at": 5.0}
    assert hasattr(resource_pb2_grpc.ResourceMonitorServicer, "RegisterResourceOutputs")


def test_hooks_are_merged_like_in_the_sdk() -> None:
    """The begun mark's hook and the program's own hooks both run."""

    def first(_args: pulumi.ResourceHookArgs) -> None: ...

    def second(_args: pulumi.ResourceHookArgs) -> None: ...

    bindings = [pulumi.ResourceHookBinding(before_create=[one]) for one in (first, second)]
    merged = pulumi.ResourceHookBinding.merge(*bindings)
    assert merged.before_create == [first, second]


# --- in the provider host


def test_values_of_the_host_become_plain() -> None:
    marked = {rpc._special_sig_key: rpc._special_secret_sig, "value": "s"}
    assert sdk_hooks.from_host({"a": [Unknown(), marked], "b": 1}) == {"a": [UNKNOWN, "s"], "b": 1}
    assert rpc.UNKNOWN == UNKNOWN


def test_a_hosts_whole_configuration_is_read() -> None:
    config = dynamic_config.Config({"teamId": "t", "chatdaddy:baseUrl": "u"}, "project")
    assert sdk_hooks.raw_configuration(config) == {"teamId": "t", "chatdaddy:baseUrl": "u"}


def test_cancel_stops_the_work(
    dynamic_host: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's server holds a reference to the method, so its code is replaced."""
    servicer = dynamic_host.DynamicResourceProviderServicer
    held = servicer().Cancel
    assert isinstance(servicer.Cancel, types.FunctionType)
    assert not servicer.Cancel.__code__.co_freevars, "such code can't be exchanged"
    monkeypatch.setitem(sys.modules, "__main__", dynamic_host)
    monkeypatch.setattr(sys, "argv", ["host", "127.0.0.1:1"])
    monkeypatch.setattr(sdk_hooks, "_end_with_engine", lambda host, port: None)
    process = sdk_hooks.HostProcess()
    assert process.engine == "127.0.0.1:1"
    assert process.stop_reason() is None
    assert held(None, None) is not None
    assert process.stop_reason() == "the run was cancelled"


def test_outside_a_host_nothing_is_changed() -> None:
    process = sdk_hooks.HostProcess()
    assert process.engine == ""
    assert process.root() == ""
    process.log("nobody sees this")
    process.flush()
    assert process.stop_reason() is None


def test_the_host_serves_four_calls_at_once(dynamic_host: types.ModuleType) -> None:
    """Several resources are worked on in parallel and wait for each other."""
    tree = ast.parse(Path(dynamic_host.main.__code__.co_filename).read_text())
    calls = [
        ast.unparse(one)
        for one in ast.walk(tree)
        if isinstance(one, ast.Call) and "ThreadPoolExecutor" in ast.unparse(one.func)
    ]
    assert calls == ["futures.ThreadPoolExecutor(max_workers=4)"]


def test_a_failure_is_shown_by_pythons_traceback_module(dynamic_host: types.ModuleType) -> None:
    """So that `sys.tracebacklimit` reduces it to one line."""
    assert "traceback" in vars(dynamic_host)
    assert "format_exc" in Path(dynamic_host.main.__code__.co_filename).read_text()


#: Prints whether httpx has imported rich, whether its command is hidden, and if garbage collection
#: is as Python sets it.
START = """
import gc, sys
from chatdaddy_pulumi.resources import sdk_hooks
usual = gc.get_threshold()
if len(sys.argv) > 1:
    DynamicResourceProviderServicer = object
with sdk_hooks.fast_start():
    import httpx
print("rich" in sys.modules, "httpx._main" in sys.modules, gc.get_threshold() == usual)
"""


@pytest.mark.parametrize(
    ("arguments", "printed"), [([], "True True True"), (["host"], "False False False")]
)
def test_only_a_host_starts_without_the_command_of_httpx(
    arguments: list[str], printed: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == printed
