"""The stack's resources, in a module of their own so that tests can import them."""

import pulumi

from chatdaddy_pulumi import AccountFleet, FleetLimits, OnDelete, Tier

CUSTOMERS = {"acorn-bakery": "pro", "birch-sons": "basic", "cedar-dental": "basic"}


def declare(customers: dict[str, str]) -> AccountFleet:
    """An account for each customer, with the tier of the customer's plan."""
    tiers = {"pro": Tier.UNLIMITED, "basic": Tier.LIMITED}
    fleet = AccountFleet(
        "customers",
        {name: {"tier": tiers[plan].value} for name, plan in customers.items()},
        on_delete=OnDelete.ARCHIVE,
        limits=FleetLimits(max_purchases=10, max_removals=1),
    )
    pulumi.export("account_ids", fleet.account_ids)
    return fleet
