"""Replacements that stop half way, and options that determine what is deleted."""

import pulumi
from pulumi import ResourceOptions
from toys import Toy

stage = pulumi.Config().require_int("stage")
what = pulumi.Config().get("what") or ""
keys = {"kind": stage, "replace": ["kind"]}

Toy("after", **keys, fail={"delete": "no delete today"} if what == "keep" else None)
# One after the other, so that it is certain what is done before the failure.
first = Toy("first", size=1)
if what != "without":
    Toy(
        "before",
        ResourceOptions(delete_before_replace=True, depends_on=[first]),
        **keys,
        fail={"create": "no create today"} if what == "half" else None,
    )
Toy("kept", ResourceOptions(retain_on_delete=True), **keys)
Toy("kept-early", ResourceOptions(retain_on_delete=True, delete_before_replace=True), **keys)
Toy("watchful", ResourceOptions(replace_on_changes=["*"]), unsure=True, size=stage, deep={"x": 1})
Toy("deep-watch", ResourceOptions(replace_on_changes=["deep.x"]), unsure=True, deep={"x": stage})
Toy(
    "deaf",
    ResourceOptions(ignore_changes=["*"]),
    size=stage,
    deep={"x": stage},
    **({"late": 1} if stage > 1 else {"early": 1}),
)
host = Toy("host", **keys)
Toy("guest", ResourceOptions(deleted_with=host))
team = pulumi.ProviderResource("pulumi-python", "team", {"mark": "same"})
other = pulumi.ProviderResource("pulumi-python", "other", {"mark": "other"})
Toy("moves", ResourceOptions(provider=[None, team, other, None][stage % 4]), size=1)
