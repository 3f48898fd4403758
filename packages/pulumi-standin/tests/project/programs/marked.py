"""A component whose outputs are saved from a hook. The configuration says what fails."""

import time

import pulumi
from pulumi import ResourceOptions
from pulumi.runtime import rpc
from pulumi.runtime.proto import resource_pb2
from toys import Toy, note

config = pulumi.Config()
what = config.get("what") or ""


class Marked(pulumi.ComponentResource):
    """Registers its outputs before its toy is created."""

    def __init__(self, name: str) -> None:
        super().__init__("toys:index:Marked", name, {})
        hook = pulumi.ResourceHook("mark", self.mark)
        self.toy = Toy(
            f"{name}-toy",
            ResourceOptions(parent=self, hooks=pulumi.ResourceHookBinding(before_create=[hook])),
        )

    def mark(self, args: pulumi.ResourceHookArgs) -> None:
        note({"method": "hook", "name": args.name})
        time.sleep(config.get_float("seconds") or 0)
        urn = args.urn.replace("$pulumi-python:dynamic/toys:Toy", "").removesuffix("-toy")
        outputs = rpc.struct_pb2.Struct()
        outputs.update({"begun": 1})
        for _ in range(2 if what == "twice" else 1):
            # The real engine does not answer after the run has failed.
            pulumi.runtime.settings.get_monitor().RegisterResourceOutputs(
                resource_pb2.RegisterResourceOutputsRequest(urn=urn, outputs=outputs), timeout=5
            )


Marked("one")
if what == "neighbour":
    Toy("failing", sleep=2, fail={"create": "no create today"})
