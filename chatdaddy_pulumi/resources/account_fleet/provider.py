"""`AccountFleet` in the provider host: check, diff, create, read, update, delete."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.lifecycle.advice import explain
from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.fleet.entry import Record, Terms
from chatdaddy_pulumi.lifecycle.fleet.execution import Situation, execute
from chatdaddy_pulumi.lifecycle.fleet.foresight import foresee, guard_histories
from chatdaddy_pulumi.lifecycle.fleet.intent import Intent, Open
from chatdaddy_pulumi.lifecycle.fleet.limits import (
    TooMuch,
    check_purchases,
    check_removals,
)
from chatdaddy_pulumi.lifecycle.fleet.outcome import Outcome, SomeFailed, Tally
from chatdaddy_pulumi.lifecycle.fleet.plan import Plan, plan
from chatdaddy_pulumi.lifecycle.fleet.refresh import Refreshed, refreshed
from chatdaddy_pulumi.lifecycle.fleet.text import (
    read_open,
    read_records,
    write_open,
    write_records,
)
from chatdaddy_pulumi.lifecycle.tier import short
from chatdaddy_pulumi.resources.account_fleet import memory
from chatdaddy_pulumi.resources.account_fleet.display import (
    SHOWN_ONE_BY_ONE,
    in_parts,
    in_words,
    seen_in_words,
)
from chatdaddy_pulumi.resources.account_fleet.inputs import Inputs, digest_of, read_inputs
from chatdaddy_pulumi.resources.account_fleet.memory import Gone
from chatdaddy_pulumi.resources.account_fleet.progress import Telling
from chatdaddy_pulumi.resources.engine_log import log, warn
from chatdaddy_pulumi.resources.hosting import HostedProvider, clean_errors, has_unknown
from chatdaddy_pulumi.resources.stopping import stop_reason
from chatdaddy_pulumi.resources.this_run import OWNERS
from chatdaddy_pulumi.spec.limits import Limit, read_concurrency, read_limits

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy

#: Of the inputs those that `read` must give back beside the entries.
_DECLARED = ("defaults", "on_delete", "existing", "limits", "concurrency", "intent", "__fleet")

_RECORDS = ("held", "terms", "drift")


class FleetProvider(HostedProvider):
    """Maps a fleet's life to ChatDaddy's calls."""

    clock = staticmethod(time.time)

    # --- before anything is done

    @clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        known = memory.of(news["__fleet"])
        saved = news.get("__intent")
        known.text = saved if isinstance(saved, str) and not has_unknown(saved) else None
        digest = digest_of(news)
        checked = {
            **{key: news[key] for key in _DECLARED if news.get(key) is not None},
            **({} if digest is None else {"__said": digest}),
        }
        if digest is not None and _olds.get("__said") == digest:
            same: dict[str, Any] = {
                key: _olds[key] for key in ("accounts", "__accounts", "__parts") if key in _olds
            }
            if "__parts" not in _olds:
                same |= _shown(_olds["accounts"], len(_olds["accounts"]) > SHOWN_ONE_BY_ONE)
            failures = [*_check_numbers(news), *self.configuration_failures()]
            return CheckResult({**checked, **same}, failures)
        inputs = read_inputs(news)
        failures = [*inputs.failures, *_check_numbers(news), *self.configuration_failures()]
        checked["__accounts"] = inputs.text
        if inputs.all_unknown:
            checked["__accounts"] = news["__accounts"]
            return CheckResult({**checked, "__late": news.get("__late") or []}, failures)
        # A change is shown in the form that the state has, or it would look like more than it is.
        many = len(inputs.entries) > SHOWN_ONE_BY_ONE
        checked |= _shown(_in_words(inputs), "__parts" in _olds if _olds else many)
        _warn_of_settings(inputs)
        if not failures and not _olds:
            failures = self._check_first_run(inputs, news, known)
        return CheckResult(checked, failures)

    def _check_first_run(
        self, inputs: Inputs, news: Mapping[str, Any], known: memory.Memory
    ) -> list[CheckFailure]:
        """What would stop the first run, found in the preview."""
        first = plan({}, inputs.entries)
        try:
            check_purchases(first.purchases, 0, _limit(news, "max_purchases"))
        except TooMuch as error:
            return [CheckFailure("limits.max_purchases", str(error))]
        problems = self._foreseen(first, {}, known)
        if not problems and known.preview:
            self._tell(first, news)
        return [CheckFailure(f"accounts.{key}", reason) for key, reason in problems.items()]

    def _foreseen(
        self, todo: Plan, held: Mapping[str, Record], known: memory.Memory
    ) -> dict[str, str]:
        """What would be refused, by key: looked up in previews, of keys that are new.

        Others may have been bought by an interrupted run; what comes of them, the run will tell.
        """
        if not known.preview:
            return {}
        earlier = known.earlier.entries
        fresh = {key: entry for key, entry in todo.acquire.items() if key not in earlier}
        if not fresh:
            return {}
        ids = {record.account_id for record in held.values()}
        return self.run(lambda client: foresee(client, fresh, ids))

    @clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        known, worked = memory.of(_news["__fleet"]), _worked(_olds)
        said = _news.get("__said")
        half_done = known.half_done(worked, lambda: _held(_olds))
        settled = said and said == _olds.get("__settled") and known.all_settled(worked)
        if settled and not half_done:
            return DiffResult(changes=False)
        inputs = read_inputs(_news)
        if inputs.all_unknown:
            log(
                "the fleet's entries are not known before the run; its limits are checked then",
                urn=_fleet_urn(_news),
            )
            return DiffResult(changes=True)
        held, left_open = _held(_olds), read_open(_olds.get("__open"))
        if half_done:
            held, left_open = self._looked_at(held, left_open)
            log(
                "a run that was interrupted may have changed accounts: they are looked at",
                urn=_fleet_urn(_news),
            )
        todo = plan(held, inputs.entries)
        check_removals(todo.removals, len(held), _limit(_news, "max_removals"), len(inputs.entries))
        check_purchases(todo.purchases, len(held), _limit(_news, "max_purchases"))
        if todo.empty:
            again = bool(_olds.get("failed")) or bool(left_open)
            again = again or (half_done and not known.preview)  # so that it is known from now on
            return DiffResult(
                changes=again or bool(inputs.unknown) or self._leftovers(inputs, known, worked)
            )
        if todo.change:
            changes = {k: v for k, v in todo.change.items() if k not in inputs.unknown}
            self.run(lambda client: guard_histories(client, changes))
        problems = self._foreseen(todo, held, known)
        if problems:
            raise SomeFailed(problems)
        if known.preview:
            self._tell(todo, _news)
        return DiffResult(changes=True)

    def _leftovers(self, inputs: Inputs, known: memory.Memory, worked: int) -> bool:
        """Whether an interrupted run may have bought for keys that are gone by now."""
        if known.intent is not None:
            return any(one.baseline.run > worked for one in known.intent.dropped)
        return any(
            baseline.run > worked and key not in inputs.entries
            for key, baseline in known.earlier.entries.items()
        )

    def _tell(self, todo: Plan, news: Mapping[str, Any]) -> None:
        log(todo.summary(self.prices), urn=_fleet_urn(news))

    # --- doing it

    @clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(str(props["intent"]), self._work({}, props))

    @clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._work(_olds, _news))

    def _work(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
        inputs, known = read_inputs(news), memory.of(news["__fleet"])
        held, left_open = _held(olds), read_open(olds.get("__open"))
        if held and known.half_done(_worked(olds), lambda: held):
            held, left_open = self._looked_at(held, left_open)
        situation = Situation(
            held=held,
            left_open=left_open,
            intent=known.intent or Intent(),
            runs=known.runs(_worked(olds)),
            owner=news["__fleet"],
            owners=OWNERS,
        )
        todo, tally = plan(held, inputs.entries), Tally()

        async def work(client: ChatDaddy) -> Outcome:
            async with Telling(client, tally, _fleet_urn(news)):
                return await execute(
                    client,
                    todo,
                    situation,
                    concurrency=int(news.get("concurrency") or 16),
                    tally=tally,
                    stopped=stop_reason,
                )

        outcome = self.run(work)
        for warning in outcome.warnings:
            warn(warning)
        for record in outcome.records.values():
            OWNERS.setdefault(record.account_id, news["__fleet"])
        run = known.run if known.run is not None else _worked(olds)
        return {
            **_written(outcome.records, outcome.left_open, outcome.failed),
            **({} if outcome.failed or not news.get("__said") else {"__settled": news["__said"]}),
            "__run": run,
            "__declared": {key: news[key] for key in _DECLARED if news.get(key) is not None},
            "__usual": inputs.usual.text,
        }

    @clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        held, left_open = _held(_props), read_open(_props.get("__open"))
        ids = frozenset(record.account_id for record in held.values())
        memory.removed[_id] = Gone(_worked(_props), ids, left_open)
        declared, tally = _props.get("__declared") or {}, Tally()
        owner = declared.get("__fleet", "")
        todo = Plan(remove=held)
        situation = Situation(held=held, owner=owner, owners=OWNERS)

        async def work(client: ChatDaddy) -> Outcome:
            async with Telling(client, tally, _fleet_urn(declared)):
                return await execute(
                    client,
                    todo,
                    situation,
                    concurrency=int(declared.get("concurrency") or 16),
                    tally=tally,
                    stopped=stop_reason,
                )

        outcome = self.run(work)
        for warning in outcome.warnings:
            warn(warning)
        if outcome.failed:
            raise SomeFailed(outcome.failed, "could not be removed; run `pulumi destroy` again")

    # --- looking

    @clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        held = _held(props)
        found = self._refreshed(held)
        left_open = {**read_open(props.get("__open")), **found.gone}
        outs = {
            **{key: value for key, value in props.items() if key in _KEPT},
            **_written(found.records, left_open, props.get("failed") or {}),
        }
        different = [key for key, record in found.records.items() if record.drift]
        if not different and not found.gone:
            if "__settled" in props:
                outs["__settled"] = props["__settled"]
            return ReadResult(id_, outs)
        return ReadResult(id_, outs, _as_found(found.records, props))

    def _refreshed(self, held: Mapping[str, Record]) -> Refreshed:
        try:
            return self.run(lambda client: refreshed(client, held, self.clock()))
        except ChatDaddyError as error:
            raise NotDone(explain("the accounts can't be read", error)) from None

    def _looked_at(
        self, held: Mapping[str, Record], left_open: Mapping[str, Open]
    ) -> tuple[dict[str, Record], dict[str, Open]]:
        """What is held and what is not, as ChatDaddy has it."""
        found = self._refreshed(held)
        return found.records, {**left_open, **found.gone}


#: Of the outputs those that a refresh leaves as they are.
_KEPT = ("__run", "__declared", "__usual")


def _held(outputs: Mapping[str, Any]) -> dict[str, Record]:
    return read_records({name: outputs.get(f"__{name}") for name in _RECORDS})


def _worked(outputs: Mapping[str, Any]) -> int:
    """The last run in which the fleet's own step changed something."""
    return int(outputs.get("__run") or 0)


def _written(
    records: Mapping[str, Record], left_open: Mapping[str, Open], failed: Mapping[str, str]
) -> dict[str, Any]:
    """The outputs that tell of the accounts."""
    tiers = Counter(short(record.tier) for record in records.values())
    states = Counter(record.state for record in records.values())
    return {
        **{f"__{name}": text for name, text in write_records(records).items()},
        "counts": {"total": len(records), "tier": dict(tiers), "state": dict(states)},
        **({"failed": dict(failed)} if failed else {}),
        **({"__open": write_open(left_open)} if left_open else {}),
    }


def _as_found(records: Mapping[str, Record], props: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that would have made the accounts what they are: previews show what differs."""
    usual = Terms.read(props["__usual"])
    words = {
        key: in_words(key, record.nickname, record.terms, usual)
        if record.drift is None
        else seen_in_words(key, record, usual)
        for key, record in records.items()
    }
    return {**(props.get("__declared") or {}), **_shown(words, len(words) > SHOWN_ONE_BY_ONE)}


def _shown(words: dict[str, str], parts: bool) -> dict[str, Any]:
    """The words of the entries by key, or in parts."""
    return {"accounts": in_parts(words), "__parts": True} if parts else {"accounts": words}


def _in_words(inputs: Inputs) -> dict[str, str]:
    words = {
        key: in_words(key, entry.nickname, entry.terms, inputs.usual)
        for key, entry in inputs.entries.items()
    }
    for key, names in inputs.unknown.items():
        words[key] += f", known when it runs: {', '.join(names)}"
    return words


def _warn_of_settings(inputs: Inputs) -> None:
    from chatdaddy_pulumi.spec.rules import misspelt

    terms = {entry.terms for entry in inputs.entries.values()}
    for warning in misspelt(sorted({name for one in terms for name in one.settings or {}})):
        warn(warning)


def _check_numbers(news: Mapping[str, Any]) -> list[CheckFailure]:
    """The limits and the concurrency."""
    _, wrong = read_concurrency(news.get("concurrency"))
    problems = [*read_limits(news.get("limits")).problems, *wrong]
    return [CheckFailure(*problem) for problem in problems]


def _limit(news: Mapping[str, Any], name: str) -> Limit | None:
    limit: Limit | None = getattr(read_limits(news.get("limits")).limits, name)
    return limit


def _fleet_urn(inputs: Mapping[str, Any]) -> str:
    """The fleet's own URN, from its component's: messages stand in its row."""
    parts = str(inputs.get("__fleet") or "").split("::")
    if len(parts) != 4:
        return ""
    parts[2] += "$pulumi-python:dynamic/chatdaddy:AccountFleet"
    return "::".join(parts)
