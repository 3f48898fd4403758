"""The intent in the provider host. It makes no call that costs anything: it looks, and notes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import LifecycleError, NotDone
from chatdaddy_pulumi.lifecycle.fleet.entry import digest
from chatdaddy_pulumi.lifecycle.fleet.intent import (
    Baseline,
    Intent,
    Licence,
    Runs,
    candidates,
    licence,
    rebase,
    to_look_up,
)
from chatdaddy_pulumi.lifecycle.fleet.outcome import SomeFailed
from chatdaddy_pulumi.lifecycle.fleet.text import read_intent, write_intent
from chatdaddy_pulumi.lifecycle.fleet.view import look
from chatdaddy_pulumi.lifecycle.removal import remove
from chatdaddy_pulumi.resources.account_fleet import memory
from chatdaddy_pulumi.resources.account_fleet.inputs import Inputs, digest_of, read_inputs
from chatdaddy_pulumi.resources.account_fleet.memory import Gone
from chatdaddy_pulumi.resources.engine_log import warn
from chatdaddy_pulumi.resources.hosting import HostedProvider, clean_errors, has_unknown
from chatdaddy_pulumi.resources.this_run import OWNERS

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy
    from chatdaddy_pulumi.client import ObservedAccount as Account


#: So many runs in a row may be interrupted before the first of them gets forgotten.
_RUNS_KEPT = 15


class IntentProvider(HostedProvider):
    """Saves what a fleet is about to buy. Its one input is a digest of that."""

    @clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        known = memory.of(news["__fleet"])
        # Raised in every run, and saved even where nothing else changes.
        known.begun = int(_olds.get("__run") or 0)
        known.run = known.begun + 1
        known.preview = has_unknown(news["__now"])
        known.starts = {run: float(at) for run, at in _by_run(_olds.get("__starts"))}
        known.asked = dict(_by_run(_olds.get("__asked")))
        starts = dict(list(known.starts.items())[-_RUNS_KEPT:])
        if not known.preview:
            starts[known.run] = news["__now"]
        known.news = news
        said = digest_of(news)
        last_asked = next(reversed(known.asked.values()), None)
        if said is not None and _olds.get("__said") == said:
            wanted, asked = _olds["__wanted"], last_asked
        else:
            inputs = read_inputs(news)
            wanted, asked = _digest(inputs), digest(inputs.entries)
        new = {} if asked == last_asked else {known.run: asked}
        asked_by_run = list({**known.asked, **new}.items())[-_RUNS_KEPT:]
        checked = {
            "__fleet": news["__fleet"],
            "__run": known.run,
            "__asked": " ".join(f"{run}@{one}" for run, one in asked_by_run),
            "__starts": news["__now"]
            if known.preview
            else " ".join(f"{run}@{at:.0f}" for run, at in starts.items()),
            "__wanted": wanted,
        }
        # What is wrong with the entries is told by the fleet, whose they are.
        return CheckResult({**checked, **({"__said": said} if said else {})}, [])

    @clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        memory.of(_news["__fleet"]).earlier_text = _olds["__intent"]
        return DiffResult(changes=_olds["__wanted"] != _news["__wanted"])

    @clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        name = props["__fleet"].rpartition("::")[2]
        return CreateResult(f"{name}-{secrets.token_hex(4)}", self._saved(None, props))

    @clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._saved(read_intent(_olds["__intent"]), _news))

    def _saved(self, old: Intent | None, props: dict[str, Any]) -> dict[str, Any]:
        inputs = read_inputs(memory.of(props["__fleet"]).news)
        if inputs.failures:  # an update without a preview: the fleet would not be asked any more
            told = {failure.property: failure.reason for failure in inputs.failures}
            raise SomeFailed(told, "problems")
        wanted = inputs.entries

        async def work(client: ChatDaddy) -> Intent:
            names = to_look_up(old, wanted)
            try:
                view = await look(client, names, at_least=len(old.entries) if old else 0)
                known_user = old.user_id if old else None
                user_id = await client.user_id() if names else known_user
            except ChatDaddyError as error:
                raise NotDone(explain("nothing was bought", error)) from None
            return rebase(old, wanted, int(props["__run"]), view.named, user_id)

        return {
            "__intent": write_intent(self.run(work)),
            "__wanted": props["__wanted"],
            "__fleet": props["__fleet"],
        }

    @clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, props)

    @clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """After the fleet: remove what an interrupted run bought and no state knows of."""
        intent, fleet = read_intent(_props["__intent"]), memory.removed.get(_id)
        self.run(lambda client: _remove_orphans(client, intent, fleet))


def _by_run(text: str | None) -> Iterable[tuple[int, str]]:
    """What is kept of runs, by their numbers: from ``41@1795380626 42@1795380700``."""
    for one in (text or "").split():
        run, _, kept = one.partition("@")
        yield int(run), kept


class Unclear(LifecycleError):
    """Accounts that an interrupted run bought are in use by now."""


async def _remove_orphans(client: ChatDaddy, intent: Intent, fleet: Gone | None) -> None:
    known = fleet or Gone(worked=0, account_ids=frozenset(), left_open={})
    runs = Runs(now=None, worked=known.worked)
    waiting: list[tuple[Baseline, Licence, OnDelete]] = []
    for key, baseline, on_delete in _all_of(intent):
        left_open = known.left_open.get(key)
        ours = licence(baseline, left_open, runs)
        if left_open is not None and not ours.given:
            ours = ours._replace(given=None)  # whether a later run broke off is told nobody here
        if ours.given is not False:
            waiting.append((baseline, ours, on_delete))
    if not waiting:
        return
    try:
        view = await look(client, {baseline.identity.nickname for baseline, _, _ in waiting})
    except ChatDaddyError as error:
        raise NotDone(explain("the intent can't be removed", error)) from None
    orphans: dict[str, tuple[Account, OnDelete]] = {}
    for baseline, ours, on_delete in waiting:
        named = view.named.get(baseline.identity.nickname, ())
        not_these = ours.before | known.account_ids | OWNERS.keys()
        for account in candidates(baseline, named, not_these, intent.user_id):
            if ours.given:
                orphans[account.account_id] = account, on_delete
            else:
                warn(
                    f"{account.account_id} ({account.nickname!r}) may have been bought by an "
                    "interrupted run, or by hand; it is left as it is: look at it"
                )
    in_use = [one for one, _ in orphans.values() if one.last_login_at is not None]
    if in_use:
        ids = ", ".join(f"{account.account_id} ({account.nickname!r})" for account in in_use)
        raise Unclear(
            f"an interrupted run seems to have bought {ids}, which have been logged in since. "
            "Nothing was removed: remove or rename them in ChatDaddy, then run `pulumi destroy` "
            "again; or keep them, and let go of the intent with `pulumi state delete`"
        )
    for account, on_delete in orphans.values():
        what = f"{account.account_id} ({account.nickname!r}), bought by an interrupted run"
        if on_delete is OnDelete.RETAIN:
            warn(f"{what}, is left as it is (retain)")
        else:
            await remove(client, account.account_id, on_delete)
            warn(f"{what}, was removed too")


def _all_of(intent: Intent) -> Iterable[tuple[str, Baseline, OnDelete]]:
    for key, baseline in intent.entries.items():
        yield key, baseline, intent.on_delete.get(key, intent.rest)
    for one in intent.dropped:
        yield one.key, one.baseline, one.on_delete


def _digest(inputs: Inputs) -> str:
    """Of everything that the intent saves; changes exactly where that does."""
    known = hashlib.sha256()
    for key, entry in sorted(inputs.entries.items()):
        terms = entry.terms
        said = (key, entry.nickname, terms.type, terms.login_type or "", terms.on_delete.value)
        known.update("\t".join(map(str, said)).encode() + b"\n")
    return known.hexdigest()[:32] if not _unclear(inputs) else "known when it runs"


def _unclear(inputs: Inputs) -> bool:
    named = {"nickname", "type", "login_type", "on_delete"}
    return inputs.all_unknown or any(named & set(names) for names in inputs.unknown.values())
