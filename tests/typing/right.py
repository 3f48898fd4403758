"""Programs that type checkers must accept. They are never run."""

import pulumi

import chatdaddy_pulumi
from chatdaddy_pulumi import (
    Account,
    AccountArgs,
    AccountFleet,
    AccountOutput,
    AccountSettings,
    AccountType,
    CostOutput,
    CountsOutput,
    Existing,
    FleetDefaults,
    FleetLimits,
    LoginType,
    OnDelete,
    Provider,
    SettingsOutput,
    Tier,
    load_fleet,
)

version: str = chatdaddy_pulumi.__version__

# --- Account

least = Account("alice")
words = Account(
    "bob",
    nickname="Bob",
    type="messenger",
    tier="unlimited",
    settings={"notifyUsers": ["u1"], "keepDeletedMessages": {"fromMe": True}},
    login_type="facebook",
    assignees=["u1", "u2"],
    on_delete="archive",
    existing="adopt",
    adopt="acc0123456789",
    connect=True,
    allow_history_loss=False,
    opts=pulumi.ResourceOptions(protect=True, depends_on=[least]),
)
api_words = Account("carol", tier="limited_msg_no_chat_history")
members = Account(
    "dan",
    type=AccountType.INSTAGRAM,
    tier=Tier.UNLIMITED,
    login_type=LoginType.FACEBOOK,
    on_delete=OnDelete.RETAIN,
    existing=Existing.ALLOW,
)
unset = Account("ivan", type=None, tier=None, on_delete=None, existing=None, connect=None)

# Outputs and secrets are also inputs.
config = pulumi.Config()
late_settings: pulumi.Output[dict[str, str]] = pulumi.Output.from_input({"geoLocation": "HK"})
late = Account(
    "eve",
    nickname=pulumi.Output.concat("eve of ", least.nickname),
    tier=pulumi.Output.from_input(Tier.LIMITED),
    settings=late_settings,
    assignees=[config.require_secret("assignee"), "u1"],
    adopt=least.account_id,
)
kept: AccountSettings = {"enableHistorySync": True, "maxMessageSync": 100}
variable = Account("frank", settings=kept)

account_id: pulumi.Output[str] = least.account_id
user_id: pulumi.Output[str | None] = least.user_id
can_login: pulumi.Output[bool] = least.can_login
settings: pulumi.Output[SettingsOutput] = least.settings
cost: pulumi.Output[CostOutput] = least.cost
place: pulumi.Output[str] = least.settings.apply(lambda found: found.get("geoLocation", ""))
price: pulumi.Output[float] = least.cost.apply(lambda found: found.get("per_day", 0.0))

# --- AccountFleet

entries: dict[str, AccountArgs | None] = {
    "a": None,
    "b": {"tier": "limited", "type": "wa", "aliases": ["old"], "assignees": [late.owner_id, "u1"]},
    "c": {"nickname": least.nickname, "tier": Tier.LIMITED, "settings": {"notifyUsers": ["u1"]}},
    "d": {"settings": late_settings},
    "e": {"nickname": config.get("nickname"), "tier": None, "settings": None, "aliases": None},
    **load_fleet("fleet.yaml"),
}
usual: FleetDefaults = {"existing": "allow", "settings": {"geoLocation": "HK"}}
fleet = AccountFleet("customers", entries, defaults=usual, concurrency=16)
inline = AccountFleet(
    "inline",
    {f"customer-{number}": {"tier": "limited", "connect": True} for number in range(3)},
    defaults={"on_delete": OnDelete.ARCHIVE},
    on_delete="archive",
    existing=Existing.ADOPT,
    limits=FleetLimits(max_purchases=10, max_removals="5%"),
    opts=pulumi.ResourceOptions(parent=least),
)
read = AccountFleet("read", load_fleet("fleet.csv", format="csv"), limits={"max_removals": "5%"})
late_entries: pulumi.Output[dict[str, AccountArgs | None]] = pulumi.Output.from_input(entries)
late_fleet = AccountFleet("late", late_entries)

tier: pulumi.Output[str] = fleet.accounts.apply(lambda accounts: accounts["a"]["tier"])
first: pulumi.Output[AccountOutput] = fleet.accounts.apply(lambda accounts: accounts["a"])
ids: pulumi.Output[list[str]] = fleet.account_ids.apply(lambda found: sorted(found.values()))
counts: pulumi.Output[CountsOutput] = fleet.counts
limited: pulumi.Output[int] = fleet.counts.apply(lambda found: found["tier"]["limited"])
reasons: pulumi.Output[str] = fleet.failed.apply(lambda failed: ", ".join(failed))

# --- Provider

provider = Provider("emea", team_id="team", refresh_token=config.require_secret("refreshToken"))
theirs = Account("grace", opts=pulumi.ResourceOptions(provider=provider))
