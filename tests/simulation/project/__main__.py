"""Runs the toy program in program.json on the real engine, and records the provider's calls."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pulumi
import toys  # type: ignore[import-not-found]
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

LOG = Path(os.environ["TOYS_LOG"])


def note(**event: Any) -> None:
    with LOG.open("a") as log:
        log.write(json.dumps(event, sort_keys=True, default=lambda _: "UNKNOWN") + "\n")


def plain(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if not key.startswith("__")}


class ToyProvider(ResourceProvider):
    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        raw = req.config._props
        self.mark = raw.get("toys:mark") or raw.get("mark")

    def note(self, call: str, props: dict[str, Any], **event: Any) -> None:
        given = {key: plain(value) for key, value in event.items() if isinstance(value, dict)}
        note(call=call, name=props["name"], host=self.mark, **{**event, **given})

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        self.note("check", news, olds=olds, news=news)
        failures = [CheckFailure(*failure) for failure in toys.failures(news)]
        return CheckResult(toys.check(plain(olds), plain(news)), failures)

    def diff(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        self.note("diff", news, id=id, olds=olds, news=news)
        changes, replaces, first = toys.diff(olds, news)
        return DiffResult(changes=changes, replaces=replaces, delete_before_replace=first)

    def create(self, props: dict[str, Any]) -> CreateResult:
        self.note("create", props, news=props)
        if props.get("slow"):
            time.sleep(3)
        identifier, outputs = toys.create(plain(props))
        self.note("created", props)
        return CreateResult(identifier, outputs)

    def update(self, id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        self.note("update", news, id=id, olds=olds, news=news)
        if news.get("slow"):
            time.sleep(3)
        return UpdateResult(toys.update(plain(news)))

    def read(self, id: str, props: dict[str, Any]) -> ReadResult:
        self.note("read", props, id=id, outputs=props)
        drift = json.loads(os.environ.get("TOYS_DRIFT", "{}")).get(props["name"])
        identifier, outputs, inputs = toys.read(id, plain(props), drift)
        return ReadResult(identifier, outputs, inputs)

    def delete(self, id: str, props: dict[str, Any]) -> None:
        self.note("delete", props, id=id, outputs=props)
        if props.get("slow_delete"):
            time.sleep(3)
        toys.delete(plain(props))


class Toy(Resource, module="toys", name="Toy"):
    out: pulumi.Output[str]


class Box(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions) -> None:
        super().__init__("toys:index:Box", name, None, opts)


made: dict[str, Any] = {}
marked: set[Any] = set()


def begin(args: pulumi.ResourceHookArgs) -> None:
    """Save once that work begins, in the outputs of a component."""
    note(call="hook", name=args.name, news=plain(dict(args.new_inputs or {})))
    component = made[HOOKED[args.name]]
    if component not in marked:
        marked.add(component)
        component.register_outputs(
            {"begun": f"{args.name} of size {(args.new_inputs or {})['size']}"}
        )


HOOKED: dict[str, str] = {}
hook = pulumi.ResourceHook("begin", begin)


def declare(one: dict[str, Any]) -> None:
    name = one["name"]
    props = {key: value for key, value in one.items() if not key.startswith("_")}
    given: dict[str, Any] = {
        "depends_on": [made[other] for other in one.get("_after", [])],
        "parent": made.get(one.get("_parent", "")),
        "provider": made.get(one.get("_provider", "")),
        "protect": one.get("_protect"),
        "retain_on_delete": one.get("_retain"),
        "ignore_changes": one.get("_ignore"),
        "aliases": [pulumi.Alias(name=other) for other in one.get("_aliases", [])],
        "delete_before_replace": one.get("_dbr"),
    }
    if one.get("_parent") and one.get("_aliases"):
        given["aliases"] = [
            pulumi.Alias(name=other, parent=pulumi.ROOT_STACK_RESOURCE) for other in one["_aliases"]
        ]
    if one.get("_hooks"):
        HOOKED[name] = one["_hooks"]
        given["hooks"] = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
    opts = pulumi.ResourceOptions(**given)
    if one.get("_is_provider"):
        made[name] = pulumi.ProviderResource("pulumi-python", name, {"mark": one["mark"]}, opts)
    elif one.get("_component"):
        made[name] = Box(name, opts)
    else:
        refs = {key: made[other].out for key, other in one.get("_refs", {}).items()}
        made[name] = Toy(ToyProvider(), name, {"out": None, **props, **refs}, opts)


def read_state() -> None:
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    found = pulumi.runtime.invoke(
        "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}
    ).value
    saved = {
        urn.rpartition("::")[2]: plain(one["outputs"])
        for urn, one in found["outputs"].items()
        if "toys:" in urn.split("::", 2)[2]
    }
    note(call="saved", name="", saved=saved)


for declared in json.loads(Path("program.json").read_text()):
    if declared.get("_reads_state"):
        read_state()
    else:
        declare(declared)
