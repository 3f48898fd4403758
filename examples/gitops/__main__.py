"""The accounts of fleet.csv."""

import pulumi

from chatdaddy_pulumi import AccountFleet, FleetLimits, OnDelete, load_fleet

config = pulumi.Config()

customers = AccountFleet(
    "customers",
    load_fleet("fleet.csv"),
    on_delete=OnDelete.ARCHIVE,  # who leaves keeps notes and contacts
    limits=FleetLimits(max_purchases=config.get_int("maxPurchases"), max_removals=2),
)

pulumi.export("account_ids", customers.account_ids)
pulumi.export("counts", customers.counts)
