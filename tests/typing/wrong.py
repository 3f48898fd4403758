"""Mistakes of users that type checkers must report. It is never run.

A comment names mypy's error code for that line, and then pyright's rule.
"""

import pulumi

import chatdaddy_pulumi
from chatdaddy_pulumi import Account, AccountArgs, AccountFleet, FleetDefaults, Provider, load_fleet
from chatdaddy_pulumi import FletLimits as FleetLimits  # attr-defined, reportAttributeAccessIssue

chatdaddy_pulumi.AccountFlet  # attr-defined, reportAttributeAccessIssue

# --- Account

Account()  # call-arg, reportCallIssue
Account("alice", "Alice")  # call-arg, reportCallIssue
Account("alice", teir="limited")  # call-arg, reportCallIssue
Account("alice", tier="limitd")  # arg-type, reportArgumentType
Account("alice", type="whatsapp")  # arg-type, reportArgumentType
Account("alice", login_type="google")  # arg-type, reportArgumentType
Account("alice", on_delete="keep")  # arg-type, reportArgumentType
Account("alice", existing="reuse")  # arg-type, reportArgumentType
Account("alice", nickname=1)  # arg-type, reportArgumentType
Account("alice", connect="yes")  # arg-type, reportArgumentType
Account("alice", assignees=[1])  # list-item, reportArgumentType
Account("alice", settings={"geoLocaton": "HK"})  # arg-type, reportArgumentType
Account("alice", settings={"notifyUsers": True})  # arg-type, reportArgumentType
Account("alice", settings={"commentsSilence": {"category": "some"}})  # arg-type, reportArgumentType
Account("alice", adopt=["acc0123"])  # arg-type, reportArgumentType
Account("alice", opts={"protect": True})  # arg-type, reportArgumentType
Account("alice", opts=pulumi.ResourceOptions(protct=True))  # call-arg, reportCallIssue

alice = Account("alice")
number: pulumi.Output[int] = alice.account_id  # assignment, reportAssignmentType
alice.acount_id  # attr-defined, reportAttributeAccessIssue
alice.settings.apply(lambda found: found["geoLocaton"])  # typeddict-item, reportGeneralTypeIssues
alice.cost.apply(lambda found: found["per_month"])  # typeddict-item, reportGeneralTypeIssues

# --- AccountFleet

misspelt: AccountArgs = {"teir": "limited"}  # typeddict-unknown-key, reportAssignmentType
misworded: AccountArgs = {"tier": "limitd"}  # typeddict-item, reportAssignmentType
mistyped: AccountArgs = {"settings": {"notifyUsers": True}}  # typeddict-item, reportAssignmentType
misset: AccountArgs = {"settings": {"geoLocaton": "HK"}}  # typeddict-item, reportAssignmentType
misnumbered: AccountArgs = {"aliases": [1]}  # list-item, reportAssignmentType
usual: FleetDefaults = {"nickname": "a"}  # typeddict-unknown-key, reportAssignmentType

AccountFleet("customers")  # call-arg, reportCallIssue
AccountFleet("customers", ["a", "b"])  # arg-type, reportArgumentType
AccountFleet("customers", {"a": {"teir": "limited"}})  # dict-item, reportArgumentType
AccountFleet("customers", {"a": {"tier": "limitd"}})  # dict-item, reportArgumentType
AccountFleet("customers", {}, defaults={"adopt": "acc0123"})  # arg-type, reportArgumentType
AccountFleet("customers", {}, limits=10)  # arg-type, reportArgumentType
AccountFleet("customers", {}, limits={"max_removal": 10})  # arg-type, reportArgumentType
