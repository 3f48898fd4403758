"""The uses of `Account`, one after the other."""

import pulumi

from chatdaddy_pulumi import Account, OnDelete, Tier

config = pulumi.Config()

# A minimal account: the resource's name is the nickname, and the tier is the limited one.
basic = Account("basic")

# Settings have ChatDaddy's own names. Settings that are not named here stay as they are.
tuned = Account(
    "tuned",
    nickname="Support desk",
    settings={"geoLocation": "HK", "unArchiveOnNewMessage": True},
)

# A tier that follows the customer's plan:
#   pulumi config set plan unlimited    an upgrade; the QR code is scanned again to sync the history
#   pulumi config set plan limited      a downgrade; refused unless allow_history_loss is set
customer = Account(
    "customer",
    tier=Tier.parse(config.get("plan") or "limited"),
    allow_history_loss=config.get_bool("allow_history_loss") or False,
)

# If this one is removed, its notes and contacts stay.
archived = Account("keeps-its-notes", on_delete=OnDelete.ARCHIVE)

# An existing account is taken over, not bought:
#   pulumi config set existing acc…
if existing := config.get("existing"):
    taken_over = Account("taken-over", adopt=existing, on_delete=OnDelete.RETAIN)
    pulumi.export("taken_over", taken_over.account_id)

pulumi.export("basic", basic.account_id)
pulumi.export("tuned", tuned.account_id)
pulumi.export("customer", customer.tier)
