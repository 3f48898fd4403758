"""One account, bought by `pulumi up` and removed by `pulumi destroy`."""

import pulumi

from chatdaddy_pulumi import Account, Tier

config = pulumi.Config()

alice = Account("alice", tier=Tier.parse(config.get("tier") or "limited"))

pulumi.export("alice", alice.account_id)
pulumi.export("tier", alice.tier)
