"""A stack in which something goes wrong: the configuration says what."""

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

first = Toy("first", size=len(what))
guarded = Toy(
    "guarded",
    ResourceOptions(protect=True, depends_on=[first]),
    kind=2 if what == "protected" else 1,
    replace=["kind"],
)
if what == "check":
    Toy("bad", ResourceOptions(depends_on=[guarded]), bad="it is bad", given="x")
if what in ("create", "diff", "update"):
    trouble = Toy("trouble", ResourceOptions(depends_on=[guarded]), size=what, **fail(what))
    Toy("after", ResourceOptions(depends_on=[trouble]))
if what in ("before", "after"):
    hooked = Toy("hooked", ResourceOptions(depends_on=[guarded], hooks=hooks))
    Toy("after", ResourceOptions(depends_on=[hooked]))
if what == "twice":
    Toy("first", ResourceOptions(depends_on=[guarded]))
if what == "exception":
    guarded.out.apply(lambda out: 1 / 0)
if what == "run-error":

    def stop(out: str) -> None:
        raise pulumi.RunError(f"{out}: that is too much")

    guarded.out.apply(stop)
    Toy("beside", ResourceOptions(depends_on=[first]))
if what == "leave":
    Toy("leaving", ResourceOptions(depends_on=[guarded]), fail={"delete": "no delete today"})
if what != "leave" and what != "left":
    Box("box", ResourceOptions(depends_on=[guarded]), size=1)
pulumi.export("size", first.out)
pulumi.export("what", what)
