"""Reads the accounts that a resource holds, with one listing of the team for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from chatdaddy_pulumi.client import ChatDaddyError, NotFound
from chatdaddy_pulumi.lifecycle.facts import Facts, check_listed, check_team
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.team_view import TeamView, look

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, ObservedAccount

#: Accounts that are looked for by their IDs at once.
_AT_ONCE = 16

#: The maximum age, in seconds, of a listing that shows whose accounts the token sees.
_JUST_NOW_S = 60.0


K = TypeVar("K")


@dataclass
class Refreshed(Generic[K]):
    """The accounts as ChatDaddy shows them, by key."""

    held: dict[K, HeldAccount] = field(default_factory=dict)
    observed: dict[K, ObservedAccount] = field(default_factory=dict)
    #: Deleted for good, or archived: that is proven.
    gone: dict[K, HeldAccount] = field(default_factory=dict)
    #: The keys of those that no listing shows, and that ChatDaddy knows by their IDs.
    unlisted: set[K] = field(default_factory=set)

    @property
    def drifted(self) -> dict[K, HeldAccount]:
        return {key: one for key, one in self.held.items() if one.drift}


async def refresh(facts: Facts, held: Mapping[K, HeldAccount]) -> Refreshed[K]:
    """Read the accounts. Mark those that were just deleted, and those that no listing shows.

    An account counts as gone only if that is proven: it is archived, or ChatDaddy answers a request
    for its ID that it does not exist.

    Raises:
        WrongTeam: the accounts belong to another team.
        ChatDaddyError: ChatDaddy could not be asked, or its listing contradicts itself.
    """
    for one in held.values():
        check_team(one.account_id, facts.team_id)
    found: Refreshed[K] = Refreshed()
    ids = [one.account_id for one in held.values()]
    if len(ids) == 1:
        # Reads of single accounts that come together share one listing.
        alone = await facts.client.accounts.read(ids[0])
        view = TeamView()
        view.add([] if alone is None else [alone])
    else:
        view = await look(facts.client, ids=ids, max_age=facts.client_max_age_s)
    check_listed(view, facts.team_id)
    unseen: dict[K, HeldAccount] = {}
    for key, one in held.items():
        account = view.get(one.account_id)
        if account is None:
            unseen[key] = one
        else:
            _sort(found, key, one, account)
    await _look_for(facts, found, unseen)
    if found.gone and not found.observed:
        # As it would be with a token of another team. The listing shows that.
        team = TeamView()
        team.add((await facts.client.accounts.snapshot(max_age=_JUST_NOW_S)).values())
        check_listed(team, facts.team_id)
    return found


def _sort(found: Refreshed[K], key: K, one: HeldAccount, account: ObservedAccount) -> None:
    found.observed[key] = account
    if account.archived:  # another archive state, such as a new one, proves nothing
        found.gone[key] = one
    else:
        found.held[key] = one.seen_again(account)


async def _look_for(facts: Facts, found: Refreshed[K], unseen: Mapping[K, HeldAccount]) -> None:
    waiting = iter(unseen.items())

    async def worker() -> None:
        for key, one in waiting:
            account = await facts.client.accounts.look_up(one.account_id)
            if account is not None:
                _sort(found, key, one, account)
                continue
            there = await is_there(facts.client, one.account_id)
            if there is False:
                found.gone[key] = one
            elif there:
                found.unlisted.add(key)
                found.held[key] = one
            else:
                if one.missing_since is None:
                    facts.first_missed.add(one.account_id)
                since = one.missing_since or facts.clock()
                drift = {**(one.drift or {}), "missing": since}
                found.held[key] = one._replace(drift=drift)

    await asyncio.gather(*(worker() for _ in range(_AT_ONCE)))


async def is_there(client: ChatDaddy, account_id: str) -> bool | None:
    """Whether ChatDaddy knows the account by its ID; None if it does not say."""
    try:
        await client.billing.account_access(account_id)
    except NotFound:
        return False
    except ChatDaddyError:
        return None
    return True
