"""Toys that depend on each other, for runs with --target and --replace."""

import pulumi
from pulumi import ResourceOptions
from toys import Box, Toy

stage = pulumi.Config().require_int("stage")
what = pulumi.Config().get("what")

a = Toy("a", size=stage)
b = Toy("b", given=a.out, size=stage)
Toy("c", size=stage, fail={"delete": "no delete today"} if what == "stuck" else None)
Box("box", size=stage)
Toy("protected", ResourceOptions(protect=True), size=stage)
if stage < 3:
    gone = Toy("gone", size=stage)
    Toy("gone-user", given=gone.out)
if stage > 1:
    new = Toy("new", size=stage)
    Toy("new-user", given=new.out)
team = pulumi.ProviderResource("pulumi-python", "team", {"mark": f"mark {stage}"})
Toy("explicit", ResourceOptions(provider=team), size=stage)
pulumi.export("a", a.out)
pulumi.export("stage", stage)
