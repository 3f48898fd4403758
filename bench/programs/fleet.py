"""All accounts in one `AccountFleet`."""

import os
from typing import Any

from chatdaddy_pulumi import AccountFleet

changed, concurrency = os.environ["CHANGED"], os.environ.get("CONCURRENCY")
accounts: dict[str, Any] = {}
for n in range(int(os.environ["ACCOUNTS"])):
    new = {"all": "-new", "one": "-one" if n == 7 else ""}.get(changed, "")
    accounts[f"customer-{n:05}"] = {"nickname": f"customer-{n:05}{new}"}
AccountFleet("customers", accounts, concurrency=int(concurrency) if concurrency else None)
