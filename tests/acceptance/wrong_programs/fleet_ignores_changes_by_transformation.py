import pulumi

from chatdaddy_pulumi import AccountFleet


def ignore(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
    ignored = pulumi.ResourceOptions(ignore_changes=["*"])
    opts = pulumi.ResourceOptions.merge(args.opts, ignored)
    return pulumi.ResourceTransformationResult(args.props, opts)


pulumi.runtime.register_stack_transformation(ignore)
AccountFleet("team", {"alice": {}})
