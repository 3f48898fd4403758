"""A program that reads the state of its own stack, and saves a component's outputs from a hook."""

import time

import pulumi
from pulumi import Output, ResourceOptions
from pulumi.runtime import rpc
from pulumi.runtime.proto import resource_pb2
from toys import Toy, note

config = pulumi.Config()
stage = config.require_int("stage")
twice = config.get_bool("twice")


def read(name: str) -> "dict[str, object]":
    """The saved toys and components of the stack with that name."""
    invoked = pulumi.runtime.invoke(
        "pulumi:pulumi:readStackResourceOutputs", {"stackName": name}
    ).value
    assert invoked["name"] == name
    return {
        urn.split("::", 2)[-1]: {
            key: value
            for key, value in one["outputs"].items()
            if key in ("begun", "deep", "out", "size")
        }
        for urn, one in invoked["outputs"].items()
        if "toys:" in one["type"]
    }


def read_own(name: str) -> "dict[str, object]":
    """The same for this stack, whose file the real engine may be writing at the moment."""
    for _ in range(40):
        try:
            return read(name)
        except Exception:
            time.sleep(0.05)
    return read(name)


full = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
own = read_own(full)
assert own == read_own(pulumi.get_stack()) == read_own(f"organization/{pulumi.get_stack()}")
note({"method": "saved", "own": own})
if other := config.get("other"):
    read(other)


class Marked(pulumi.ComponentResource):
    """A component whose outputs are saved just before its toy is created or changed."""

    def __init__(
        self,
        name: str,
        own: object = None,
        opts: "ResourceOptions | None" = None,
        **props: object,
    ) -> None:
        super().__init__("toys:index:Marked", name, {"size": own}, opts)
        hook = pulumi.ResourceHook(f"mark-{name}", self.mark)
        self.toy = Toy(
            f"{name}-toy",
            ResourceOptions(
                parent=self,
                hooks=pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook]),
            ),
            **props,
        )

    def mark(self, args: pulumi.ResourceHookArgs) -> None:
        urn = args.urn.replace("$pulumi-python:dynamic/toys:Toy", "").removesuffix("-toy")
        monitor = pulumi.runtime.settings.get_monitor()
        outputs = rpc.struct_pb2.Struct()
        outputs.update({"begun": stage})
        for _ in range(2 if twice else 1):
            monitor.RegisterResourceOutputs(
                resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=outputs),
                timeout=10,
            )
        note({"method": "marked", "name": args.name})


one = Marked("one", size=stage)
two = Marked("two", size=1)
three = Marked("three", own=stage, size=stage)
unmarked = Marked("unmarked", own=stage, size=1)
secret = Toy("secret", deep={"hush": Output.secret(f"hush {stage}")})
before = [one, one.toy, two, two.toy, three, three.toy, unmarked, unmarked.toy, secret]
Marked(
    "four",
    opts=ResourceOptions(depends_on=before),
    size=stage,
    fail={"update": "no update today"} if stage == 3 else None,
)
pulumi.export("public", stage)
pulumi.export("hidden", Output.secret({"stage": stage}))
