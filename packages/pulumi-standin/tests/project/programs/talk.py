"""The program and the provider log messages. One of them contains a secret."""

import pulumi
from pulumi import Output
from toys import Toy

mark = pulumi.Config().require("mark")
print(f"printed with {mark}")
pulumi.log.info("an information")
pulumi.log.warn("a warning")
stage = pulumi.Config().get_int("stage") or 1
toy = Toy(
    "talker",
    talk=True,
    deep={"same": 1, "changes": stage, "secret": Output.secret(f"hush {stage}")},
    **({"fresh": [1, "two"]} if stage > 1 else {"stale": "old"}),
)
pulumi.log.info("on a toy", toy)
