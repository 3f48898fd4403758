"""Toys of which some fail, for runs with --continue-on-error."""

import pulumi
from pulumi import ResourceOptions
from toys import Box, Toy

stage = pulumi.Config().require_int("stage")


def refuse(args: pulumi.ResourceHookArgs) -> None:
    raise ValueError("the hook says no")


hook = pulumi.ResourceHook("refuse", refuse)

failing = "create" if stage == 1 else "update"
bad = Toy("bad", size=stage, fail={failing: f"no {failing} today"} if stage < 3 else None)
Toy("bad-user", given=bad.out)
Toy("bad-user-user", ResourceOptions(depends_on=[bad]), size=stage)
# The real engine stops if a component that it has skipped registers outputs. So the component does
# not depend on the toy that fails.
Box("box", size=stage)
Toy("free", size=stage)
Toy("hooked", ResourceOptions(hooks=pulumi.ResourceHookBinding(after_create=[hook])))
Toy("stuck", fail={"delete": "no delete today"})
if stage == 1:
    deep = Toy("deep")
    low = Toy("low", ResourceOptions(depends_on=[deep]), fail={"delete": "no delete today"})
    Toy("high", ResourceOptions(depends_on=[low]))
    Toy("other")
bad.out.apply(lambda out: pulumi.log.info(f"heard of {out}"))
pulumi.export("bad", bad.out)
pulumi.export("stage", stage)
