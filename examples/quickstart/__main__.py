"""One account, bought by `pulumi up` and removed by `pulumi destroy`."""

import pulumi

from chatdaddy_pulumi import Account

config = pulumi.Config()

alice = Account("alice", tier=config.get("tier") or "limited")

pulumi.export("alice", alice.account_id)
pulumi.export("tier", alice.tier)
