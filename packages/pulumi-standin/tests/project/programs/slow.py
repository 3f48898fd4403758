"""Three toys, one after the other. The second is slow."""

import pulumi
from pulumi import Output, ResourceOptions
from toys import Toy

seconds = pulumi.Config().require_float("seconds")
first = Toy("first")
second = Toy("second", ResourceOptions(depends_on=[first]), sleep=seconds, kind=2)
Toy("third", ResourceOptions(depends_on=[second]))
pulumi.export("first", first.out)
pulumi.export("secret", Output.secret({"deep": 1}))
