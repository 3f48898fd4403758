"""25 customers from a file, as one resource."""

import pulumi

from chatdaddy_pulumi import AccountFleet, load_fleet

customers = AccountFleet("customers", load_fleet("fleet.yaml"))

pulumi.export("account_ids", customers.account_ids)
pulumi.export("counts", customers.counts)
