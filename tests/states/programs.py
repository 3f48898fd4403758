"""The programs whose states are recorded. Add programs, but never change these."""

from __future__ import annotations

PROGRAMS = {
    "account": """\
import pulumi
from chatdaddy_pulumi import Account

alice = Account("alice", tier="limited", settings={"geoLocation": "HK"}, on_delete="delete_now")
pulumi.export("alice", alice.account_id)
""",
    "account_beside": """\
import pulumi
from chatdaddy_pulumi import Account

alice = Account("alice", tier="limited", existing="allow", on_delete="delete_now")
pulumi.export("alice", alice.account_id)
""",
    "account_fleet": """\
import pulumi
from chatdaddy_pulumi import AccountFleet

customers = AccountFleet(
    "customers",
    {"alice": dict(tier="limited"), "bob": dict(tier="limited", nickname="Bob & Co")},
    on_delete="delete_now",
)
pulumi.export("customers", customers.account_ids)
""",
}

#: The nicknames of each program's accounts, in the order of the placeholders in its state.
NICKNAMES = {
    "account": ["alice"],
    "account_beside": ["alice"],
    "account_fleet": ["alice", "Bob & Co"],
}

#: The same programs, with every account moved to the other tier.
CHANGED = {
    name: program.replace('tier="limited"', 'tier="unlimited"')
    for name, program in PROGRAMS.items()
}
