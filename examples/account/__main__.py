"""What an `Account` can be told, one case after the other."""

import pulumi

from chatdaddy_pulumi import Account, OnDelete, Tier

config = pulumi.Config()

# The least: the nickname is the resource's name, the tier the limited one.
basic = Account("basic")

# Settings, in ChatDaddy's own words. Those that are not named are left as they are.
tuned = Account(
    "tuned",
    nickname="Support desk",
    settings={"geoLocation": "HK", "unArchiveOnNewMessage": True},
)

# A tier that moves with the customer's plan:
#   pulumi config set plan unlimited    an upgrade; the QR code is scanned again to sync the history
#   pulumi config set plan limited      a downgrade; refused until allow_history_loss says otherwise
customer = Account(
    "customer",
    tier=Tier.parse(config.get("plan") or "limited"),
    allow_history_loss=config.get_bool("allow_history_loss") or False,
)

# Removing this one keeps its notes and contacts.
archived = Account("keeps-its-notes", on_delete=OnDelete.ARCHIVE)

# An account that exists already is taken over, not bought:
#   pulumi config set existing acc…
if existing := config.get("existing"):
    taken_over = Account("taken-over", adopt=existing, on_delete=OnDelete.RETAIN)
    pulumi.export("taken_over", taken_over.account_id)

pulumi.export("basic", basic.account_id)
pulumi.export("tuned", tuned.account_id)
pulumi.export("customer", customer.tier)
