"""A stack that changes from stage to stage in every possible way."""

import pulumi
from pulumi import Output, ResourceOptions
from toys import Box, Toy, note

stage = pulumi.Config().require_int("stage")


def hook(args: pulumi.ResourceHookArgs) -> None:
    def shown(props):
        return None if props is None else {k: v for k, v in props.items() if k[:2] != "__"}

    note(
        {
            "method": "hook",
            "name": args.name,
            "id": args.id,
            "olds": shown(args.old_inputs),
            "news": shown(args.new_inputs),
            "old_outputs": shown(args.old_outputs),
            "new_outputs": shown(args.new_outputs),
        }
    )


def once_more(args: pulumi.ErrorHookArgs) -> bool:
    note(
        {
            "method": "error hook",
            "name": args.name,
            "operation": args.failed_operation,
            "errors": len(args.errors),
        }
    )
    return len(args.errors) < 3


again = pulumi.ErrorHook("again", once_more)
dry = pulumi.ResourceHook("dry", hook, pulumi.ResourceHookOptions(on_dry_run=True))
wet = pulumi.ResourceHook("wet", hook)

Toy("same", deep={"x": [1, 2.5, {"y": True, "z": None}], "empty": {}, "none": []})
Toy("lazy", note=stage, lazy=["note"])
upd = Toy(
    "upd",
    ResourceOptions(
        hooks=pulumi.ResourceHookBinding(
            before_create=[dry],
            after_create=[wet],
            before_update=[dry, wet],
            after_update=[wet],
        )
    ),
    size=stage,
    secret=Output.secret(f"hush {stage}"),
    deep={"secret": Output.secret("hush deep"), "plain": {"n": stage}},
)
Toy("uses", given=upd.out)
cbd = Toy("cbd", kind=stage, replace=["kind"])
Toy("cbd-user", given=cbd.out)
dbr = Toy("dbr", kind=stage, replace=["kind"], dbr=True)
dbr_user = Toy("dbr-user", given=dbr.out, replace=["given"], dbr=True)
Toy("dbr-user-user", given=dbr_user.out)
Toy("dbr-loose", ResourceOptions(depends_on=[dbr]))
if stage == 1:
    gone = Toy("gone")
    Toy("gone-user", given=gone.out)
    Toy("gone-with", ResourceOptions(deleted_with=gone))
    Toy("retained", ResourceOptions(retain_on_delete=True))
    Box("gone-box", size=1)
Toy("ignoring", ResourceOptions(ignore_changes=["a", "deep.b"]), a=stage, deep={"b": stage, "c": 1})
Toy("watchful", ResourceOptions(replace_on_changes=["a"]), unsure=True, a=stage)
Toy("unsure", unsure=True, a=stage, b=1)
team = pulumi.ProviderResource(
    "pulumi-python", "team", {"mark": Output.secret(f"mark {stage}"), "deep": {"n": 1}}
)
Toy("explicit", ResourceOptions(provider=team))
Toy(
    "old-name" if stage == 1 else "new-name",
    ResourceOptions(aliases=[pulumi.Alias(name="old-name")]),
    kind=7,
)
pulumi.Stash("stash", input={"stage": stage})
Toy("hidden", ResourceOptions(additional_secret_outputs=["out"]))
Toy("guarded", ResourceOptions(protect=stage < 3))
Toy("triggered", ResourceOptions(replacement_trigger=f"trigger {stage}"))
Box(
    "box",
    ResourceOptions(
        hooks=pulumi.ResourceHookBinding(
            before_create=[wet], after_create=[wet], after_update=[wet]
        )
    ),
    size=stage,
)
renamed = Box(
    "box-a" if stage == 1 else "box-b",
    ResourceOptions(aliases=[pulumi.Alias(name="box-a")]),
    size=1,
)
Toy("refers", box=renamed, toy=upd)
Toy("box-user", ResourceOptions(depends_on=[renamed]))
late = pulumi.ProviderResource("pulumi-python", "late", {"mark": upd.out})
Toy("late-toy", ResourceOptions(provider=late), size=stage)
Toy("moves", ResourceOptions(provider=team if stage == 2 else None))
Toy(
    "dbr-asked",
    ResourceOptions(delete_before_replace=True, replace_with=[cbd]),
    kind=stage,
    replace=["kind"],
)
Toy("follower", ResourceOptions(replace_with=[cbd]), kind=stage)
Toy("with", ResourceOptions(deleted_with=cbd), kind=stage)
Toy("declassified", value=Output.secret("x") if stage == 1 else "x")
Toy("moody", moods=[None, 1e21, -0.5, {"deep": [[]]}], timeout={"a": Output.secret([1, 2])})
Toy(
    "flaky",
    ResourceOptions(
        hooks=pulumi.ResourceHookBinding(on_error=[again]),
        custom_timeouts=pulumi.CustomTimeouts(create="1m30s"),
    ),
    flaky="create",
)

pulumi.export("uses", upd.out)
pulumi.export("secret", Output.secret({"stage": stage}))
if stage == 1:
    pulumi.export("once", 1)
