"""One `Account` for each account."""

import os

from chatdaddy_pulumi import Account

changed = os.environ["CHANGED"]
for n in range(int(os.environ["ACCOUNTS"])):
    new = {"all": "-new", "one": "-one" if n == 7 else ""}.get(changed, "")
    Account(f"customer-{n:05}", nickname=f"customer-{n:05}{new}")
