"""The accounts of fleet.csv."""

import pulumi

from chatdaddy_pulumi import AccountFleet, FleetLimits, OnDelete, load_fleet

config = pulumi.Config()
max_removals = config.get_int("maxRemovals") or 0

customers = AccountFleet(
    "customers",
    load_fleet("fleet.csv"),
    on_delete=OnDelete.ARCHIVE,  # notes and contacts stay
    limits=FleetLimits(
        max_purchases=config.get_int("maxPurchases"),
        max_removals=max_removals,
    ),
    # `pulumi destroy`, or a program without this line, does not remove the company's accounts.
    opts=pulumi.ResourceOptions(protect=max_removals == 0),
)

pulumi.export("account_ids", customers.account_ids)
pulumi.export("counts", customers.counts)
