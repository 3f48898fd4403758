"""All accounts in one `AccountFleet`."""

import os

from chatdaddy_pulumi import AccountFleet

changed, concurrency = os.environ["CHANGED"], os.environ.get("CONCURRENCY")
accounts = {}
for n in range(int(os.environ["ACCOUNTS"])):
    new = {"all": "-new", "one": "-one" if n == 7 else ""}.get(changed, "")
    accounts[f"customer-{n:05}"] = {"nickname": f"customer-{n:05}{new}"}
AccountFleet("customers", accounts, concurrency=int(concurrency) if concurrency else None)
