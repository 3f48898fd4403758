"""The steps of the ChatDaddy guide with the API client only, without Pulumi.

python accounts.py list | buy NICKNAME | upgrade ID | usage ID | remove ID
"""

from __future__ import annotations

import asyncio
import os
import sys

from chatdaddy_pulumi.client import (
    AccountPatch,
    BadRequest,
    ChatDaddy,
    ChatDaddyError,
    Purchase,
    ServiceUrls,
    UnknownPurchase,
)
from chatdaddy_pulumi.enums import Tier


def client() -> ChatDaddy:
    """A client from the environment."""
    base = os.environ.get("CHATDADDY_BASE_URL", "https://api.chatdaddy.tech")
    return ChatDaddy(
        os.environ.get("CHATDADDY_TEAM_ID", ""),
        refresh_token=os.environ.get("CHATDADDY_REFRESH_TOKEN"),
        api_token=os.environ.get("CHATDADDY_API_TOKEN"),
        urls=ServiceUrls.from_base(base),
    )


async def list_accounts(chatdaddy: ChatDaddy) -> None:
    for account in (await chatdaddy.accounts.snapshot()).values():
        state = account.state if account.live else "removed"
        print(f"{account.account_id}  {account.tier or '-':28}  {state:10}  {account.nickname}")


async def buy(chatdaddy: ChatDaddy, nickname: str) -> None:
    """Step 8: a purchase, which costs money at once."""
    there = await chatdaddy.accounts.find(nickname)
    for account in there:
        if account.live:
            sys.exit(f"{nickname!r} is there already: {account.account_id}")
    order = Purchase(nickname=nickname, tier=Tier.LIMITED.value)
    try:
        account = await chatdaddy.accounts.purchase(
            order, known_ids={account.account_id for account in there}
        )
    except UnknownPurchase as error:
        sys.exit(f"look before you buy again: {error}")
    print(f"bought {account.account_id}")


async def upgrade(chatdaddy: ChatDaddy, account_id: str) -> None:
    """Step 11: another tier. ChatDaddy answers 400 if the account already has it."""
    try:
        await chatdaddy.accounts.patch(account_id, AccountPatch(tier=Tier.UNLIMITED.value))
    except BadRequest as error:
        account = await chatdaddy.accounts.get(account_id)
        if account is None or account.tier != Tier.UNLIMITED:
            raise
        print(f"nothing to do: {error.message}")
    else:
        print("upgraded; scan the QR code again to sync the history")


async def usage(chatdaddy: ChatDaddy, account_id: str) -> None:
    access = await chatdaddy.billing.account_access(account_id)
    print(f"{access.messages_sent} messages in this billing period")


async def remove(chatdaddy: ChatDaddy, account_id: str) -> None:
    """Step 10: ends the subscription; it can be recreated for 24 hours."""
    await chatdaddy.accounts.delete(account_id)
    print("removed")


async def main(words: list[str]) -> None:
    steps = {"buy": buy, "upgrade": upgrade, "usage": usage, "remove": remove}
    async with client() as chatdaddy:
        match words:
            case ["list"]:
                await list_accounts(chatdaddy)
            case [step, subject] if step in steps:
                await steps[step](chatdaddy, subject)
            case _:
                sys.exit(str(__doc__))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1:]))
    except ChatDaddyError as error:
        sys.exit(f"error: {error}")
