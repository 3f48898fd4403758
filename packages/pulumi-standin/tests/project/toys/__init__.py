"""Toy resources. The provider logs every call, and the properties control its behaviour."""

import json
import os
import sys
import time
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)


def note(entry: "dict[str, Any]") -> None:
    """Add a line to the log that the test reads."""
    line = json.dumps(entry, default=lambda value: f"<{type(value).__name__}>", sort_keys=True)
    with open(os.environ["TOYS_LOG"], "a") as log:
        log.write(line + "\n")


def plain(props: "dict[str, Any]") -> "dict[str, Any]":
    return {key: value for key, value in props.items() if not key.startswith("__")}


def say(message: str, ephemeral: bool = False) -> None:
    """Log a message to the engine from inside the provider."""
    import grpc
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

    with grpc.insecure_channel(sys.argv[1]) as channel:
        request = engine_pb2.LogRequest(
            severity=engine_pb2.INFO, message=message, ephemeral=ephemeral
        )
        engine_pb2_grpc.EngineStub(channel).Log(request)


class ToyProvider(ResourceProvider):
    """Properties: `name`, and these, which control the behaviour: `fail` (method → message), `bad`
    (a
    failure of `check`), `replace` (keys that replace), `dbr`, `lazy` (keys whose changes are
    ignored)
    and `unsure` (`diff` can't tell). `check` adds an input `serial`, and each toy has an output
    `out`.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        raw = req.config._props
        note({"method": "configure", "config": dict(raw)})
        self.mark = raw.get("toys:mark") or raw.get("mark")

    def _note(self, method: str, props: "dict[str, Any]", **more: Any) -> None:
        note({"method": method, "name": props.get("name"), **more})
        if props.get("flaky") == method and os.environ.get("TOYS_FLAKY", "") != "no":
            os.environ["TOYS_FLAKY"] = "no"
            raise RuntimeError(f"{method} works the second time")
        fail = props.get("fail")
        if isinstance(fail, dict) and method in fail:
            time.sleep(props.get("sleep", 0))
            raise RuntimeError(fail[method])

    def check(self, olds: "dict[str, Any]", news: "dict[str, Any]") -> CheckResult:
        self._note("check", news, olds=plain(olds), news=plain(news))
        failures = [CheckFailure("bad", news["bad"])] if news.get("bad") else []
        serial = olds.get("serial") or f"serial of {news['name']} {news.get('kind', '')}"
        return CheckResult({**news, "serial": serial}, failures)

    def diff(self, id: str, olds: "dict[str, Any]", news: "dict[str, Any]") -> DiffResult:
        self._note("diff", news, id=id, olds=plain(olds), news=plain(news))
        if news.get("unsure"):
            return DiffResult()
        ignored = {*news.get("lazy", ()), "lazy", "fail"}
        changed = [k for k, v in news.items() if k not in ignored and olds.get(k) != v]
        replaces = [key for key in changed if key in news.get("replace", ())]
        return DiffResult(
            changes=bool(changed),
            replaces=replaces,
            delete_before_replace=bool(news.get("dbr")),
        )

    def create(self, props: "dict[str, Any]") -> CreateResult:
        self._note("create", props, news=plain(props))
        if props.get("talk"):
            say("1/2 done", ephemeral=True)
            say("a remark from the provider")
        time.sleep(props.get("sleep", 0))
        if props.get("sleep"):
            note({"method": "slept", "name": props["name"]})
        kind = props.get("kind", 1)
        outs = {**props, "out": f"out of {props['name']} {kind}", "mark": self.mark}
        return CreateResult(f"id-{props['name']}-{kind}", outs)

    def update(self, id: str, olds: "dict[str, Any]", news: "dict[str, Any]") -> UpdateResult:
        self._note("update", news, id=id, olds=plain(olds), news=plain(news))
        return UpdateResult({**news, "out": f"out of {news['name']} updated", "mark": self.mark})

    def read(self, id: str, props: "dict[str, Any]") -> ReadResult:
        self._note("read", props, id=id, state=plain(props))
        drift = json.loads(os.environ.get("TOYS_DRIFT", "{}")).get(props["name"])
        if drift == "gone":
            return ReadResult("", {})
        if drift:
            inputs = {k: v for k, v in {**props, **drift}.items() if k not in ("out", "mark")}
            return ReadResult(id, {**props, **drift}, inputs)
        return ReadResult(id, props)

    def delete(self, id: str, props: "dict[str, Any]") -> None:
        self._note("delete", props, id=id, state=plain(props))


class Toy(Resource, module="toys", name="Toy"):
    """A resource of the toy provider. Its properties are the given ones, `name` and `out`."""

    out: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **props: Any):
        super().__init__(
            ToyProvider(), name, {"name": name, "out": None, "mark": None, **props}, opts
        )


class Box(pulumi.ComponentResource):
    """A component with one toy."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **props: Any):
        super().__init__("toys:index:Box", name, {"size": props.get("size")}, opts)
        self.toy = Toy(f"{name}-toy", pulumi.ResourceOptions(parent=self), **props)
        self.register_outputs({"toy": self.toy.out, "size": props.get("size")})
