"""A stack in which something fails. The configuration says what."""

import pulumi
from pulumi import ResourceOptions
from toys import Box, Toy

what = pulumi.Config().get("what") or ""


def fail(method: str) -> "dict[str, object]":
    return {"fail": {method: f"no {method} today"}} if what == method else {}


def refuse(args: pulumi.ResourceHookArgs) -> None:
    raise ValueError("the hook says no")


hook = pulumi.ResourceHook("refuse", refuse)
hooks = pulumi.ResourceHookBinding(
    before_create=[hook] if what == "before" else [],
    after_create=[hook] if what == "after" else [],
)

# One after the other, so that it is certain what is done before the failure.
first = Toy("first", size=len(what))
guarded = Toy(
    "guarded",
    ResourceOptions(protect=True, depends_on=[first]),
    kind=2 if what == "protected" else 1,
    replace=["kind"],
)
last: pulumi.Resource = guarded
if what not in ("leave", "left"):
    last = Box("box", ResourceOptions(depends_on=[guarded]), size=1).toy
then = ResourceOptions(depends_on=[last])

if what == "check":
    Toy("bad", then, bad="it is bad", given="x")
if what in ("create", "diff", "update"):
    trouble = Toy("trouble", then, size=what, **fail(what))
    Toy("after", ResourceOptions(depends_on=[trouble]))
if what in ("before", "after"):
    hooked = Toy("hooked", ResourceOptions(depends_on=[last], hooks=hooks))
    Toy("after", ResourceOptions(depends_on=[hooked]))
if what == "exception":
    last.out.apply(lambda out: 1 / 0)
if what == "run-error":

    def stop(out: str) -> None:
        raise pulumi.RunError(f"{out}: that is too much")

    Toy("beside", then).out.apply(stop)
if what == "leave":
    Toy("leaving", then, fail={"delete": "no delete today"})
pulumi.export("size", first.out)
pulumi.export("what", what)
