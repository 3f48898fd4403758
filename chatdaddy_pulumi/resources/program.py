"""The program's side of a run: what it declares, what the saved state holds, and the intent.

Each root resource has one `Program`. So a process that runs a preview and then an update (the
Automation API) has one for each.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import isawaitable
from tempfile import gettempdir
from typing import Any, Literal, NamedTuple

import pulumi
from pulumi.dynamic import Resource

from chatdaddy_pulumi.client.setting_names import SETTINGS, TOKENS
from chatdaddy_pulumi.client.tasks import outcome_of
from chatdaddy_pulumi.lifecycle.urns import ROOT_TYPE, child_urn, root_of, short_name, type_of
from chatdaddy_pulumi.provider.declared import Declared, may_buy
from chatdaddy_pulumi.provider.run_file import RunFile
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    COMPONENT_TYPE,
    FLEET_TYPE,
    INTENT_TYPE,
    MARK_TYPE,
    PART,
    PROTECT,
    intent_name,
    noted_at,
    now_done_in,
)
from chatdaddy_pulumi.resources import sdk_hooks
from chatdaddy_pulumi.resources.registry import PROVIDERS
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.problem import shown

_OWN_TYPES = ("pulumi-python:dynamic/chatdaddy:", MARK_TYPE, COMPONENT_TYPE)

#: How often the state is read again if reading fails, and the seconds between.
_READS, _READ_AGAIN_S = 40, 0.05

_ATTRIBUTE = "_chatdaddy_program"

#: Paths of `ignore_changes` that cover all arguments.
_EVERYTHING = {"*", "[*]"}


def program() -> Program:
    """The program that runs now.

    The first call tells the provider hosts that one runs.
    """
    root: Any = pulumi.runtime.get_root_resource()
    if root is None:
        return Program()
    found: Program | None = root.__dict__.get(_ATTRIBUTE)
    if found is None:
        found = Program()
        root.__dict__[_ATTRIBUTE] = found
    if not found.begun and sdk_hooks.in_program():
        found.begin()
    return found


class _Intent(Resource, module="chatdaddy", name="Intent"):
    """Saves what the program is about to buy in the state, before it buys."""


class _Mark(pulumi.ComponentResource):
    """Has the begun mark: when the last run began to buy.

    It is made after the intent is saved. So if the state has an empty one, the run that the intent
    names has bought nothing. If a destroy has removed the mark, a new empty one appears only after
    the next intent is saved.
    """

    def __init__(self, name: str, intent: _Intent) -> None:
        super().__init__(MARK_TYPE, name, None, pulumi.ResourceOptions(depends_on=[intent]))


class _Noted(NamedTuple):
    """The intent of a provider, and what follows from it."""

    notes: pulumi.Output[Any]
    #: An output that is known as soon as the notes are.
    is_done: pulumi.Output[bool]
    mark: _Mark


#: What a kind of resource is called in a program, and what it has.
_CLASS_NAMES = {"account": "Account", "fleet": "AccountFleet"}
_HELD = {
    "account": "the account, which goes on costing money",
    "fleet": "the accounts, which go on costing money",
}


@dataclass
class Declaration:
    """A resource of this package, with arguments that may still be outputs."""

    _program: Program
    #: Its place among the program's declarations.
    number: int
    #: ``type::name``.
    leaf: str
    kind: Literal["account", "fleet"]
    given: Mapping[str, Any]
    opts: pulumi.ResourceOptions
    provider: str
    #: The hidden inputs.
    inputs: dict[str, Any] = field(default_factory=dict)
    #: Set once it is constructed; the inputs are read later.
    resource: pulumi.Resource | None = None
    #: Adds it to the run's file, if that is made or being made.
    adding: asyncio.Task[None] | None = None

    @property
    def parent(self) -> pulumi.Resource | None:
        return self.opts.parent

    @property
    def told(self) -> str:
        """What messages call it."""
        return f"{_CLASS_NAMES[self.kind]} {short_name(self.leaf)!r}"

    async def ready(self) -> None:
        """Wait for everything that the registration waits for, except the run."""
        opts, resources = self.opts, set[pulumi.Resource]()
        parents = [getattr(alias, "parent", None) for alias in opts.aliases or ()]
        for output in _outputs_in([self.given, opts.aliases, parents, opts.replacement_trigger]):
            await output.future()
            resources |= await output.resources()
        for one in [*await _resources_in(opts.replace_with), *await _resources_in(parents)]:
            await one.urn.future()
        resources |= {*await _resources_in(opts.depends_on)}
        await sdk_hooks.registered(resources, but=self.resource)

    async def own_urn(self) -> str:
        """The resource's own URN, after its parent is registered. It is not an output, since a
        child that depends on its parent's output would wait for itself."""
        parent = None if self.parent is None else await self.parent.urn.future()
        return child_urn(parent or _root(), self.leaf)

    async def before(self) -> tuple[Mapping[str, Any] | None, Declared]:
        """The resource's saved outputs, None if it is new, and what is declared of it."""
        opened = await self._program.opened()
        return opened.saved.get(await self.own_urn()), await self.known()

    async def known(self) -> Declared:
        """The declaration, as far as it is known without waiting for a resource."""
        places = self._program.places
        outputs = await sdk_hooks.plain_outputs(_outputs_in(self.given))
        # Transformations may have given it further aliases.
        aliases = [*(self.opts.aliases or ()), *sdk_hooks.alias_urns(self.resource)]
        given = _known(self.given, outputs)
        return Declared(
            urn=await places.child_urn(self.parent, self.leaf),
            kind=self.kind,
            given=given,
            aliases=tuple(await places.old_urns(self.parent, self.leaf, aliases)),
            provider=self.provider,
            protect=bool(self._effective("protect")),
            retain=bool(self._effective("retain_on_delete")),
            secrets=tuple(_known_secrets(self.given, outputs)),
            ignored={name: given[name] for name in self._ignored()},
            deletes_first=bool(self._options.delete_before_replace),
        )

    def registered(self) -> None:
        """Use what transformations of the stack made of the arguments and the options.

        Raises:
            RunError: see `refuse_deleted_with`; or a fleet ignores all changes.
        """
        self.refuse_deleted_with()
        if self.kind == "fleet" and _EVERYTHING & {*(self._options.ignore_changes or ())}:
            raise self._program.refusal(ignores_changes(self.told))
        props = self._program.places.props.pop(self.resource, {})
        self.given = {name: props.get(name, value) for name, value in self.given.items()}

    def refuse_deleted_with(self) -> None:
        """Refuse an option with which the engine removes the resource without asking its provider.

        Raises:
            RunError: the resource has it, or a component that it belongs to.
        """
        if self._effective("deleted_with") is None:
            return
        error = (
            f"{self.told}: with deleted_with, its own or that of a component that it belongs "
            f"to, the engine would only forget {_HELD[self.kind]}. Remove the option; to keep "
            "accounts whose resource is removed, use on_delete='retain'"
        )
        raise self._program.refusal(pulumi.RunError(error))

    async def protection(self) -> bool | None:
        """The hidden input that says that the program protects the resource, if it does."""
        return bool(self._effective("protect")) or None

    def _effective(self, option: str) -> Any:
        return self._program.places.effective(self.resource, self.opts, option)

    @property
    def _options(self) -> pulumi.ResourceOptions:
        """Its options, with what transformations of the stack have added."""
        return self._program.places.options.get(self.resource, self.opts)

    def _ignored(self) -> list[str]:
        """The arguments whose changes the program ignores. Parts of one, such as ``settings.x``,
        tell accounts apart no more than those that are not listed."""
        paths = set(self._options.ignore_changes or ())
        if self.kind == "fleet" or not paths:
            return []
        everything = paths & _EVERYTHING
        return [one for one in self.given if everything or paths & {one, f'["{one}"]'}]


@dataclass
class _FirstPurchase:
    """Makes one resource that may buy go first, until the begun mark of its provider is saved.

    A hook saves the mark, in a step of the engine. The engine accepts it only while it assigns no
    other step to a worker: if other steps wait for a worker, the mark waits for them. If all
    workers were in hooks that wait for a mark, none would ever end. So one resource of all
    providers goes first. If there is only one worker, the mark is saved before that resource is
    registered; a check that refuses it then leaves a mark, though nothing was bought.
    """

    #: Saves the mark.
    save: Callable[[], Coroutine[Any, Any, None]]
    #: All providers have the same.
    first: asyncio.Lock
    marked: asyncio.Event = field(default_factory=asyncio.Event)
    _saving: asyncio.Task[None] | None = None
    #: How many resources that may buy are not finished.
    buyers: int = 0
    #: The URNs of the resources for which the intent has noted purchases in this run; None if that
    #: is not known yet.
    noted: set[str] | None = None
    #: Set while the others may go: there are no buyers, or the mark is saved.
    others_may_go: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self) -> None:
        """Count a resource. Until it waits as another one, it is one that may buy."""
        self.buyers += 1
        if not self.marked.is_set():
            self.others_may_go.clear()

    async def wait_as_other(self) -> None:
        """Return if the mark is saved, or if no resource that may buy is left."""
        self._subtract()
        if self.buyers:
            await self.others_may_go.wait()

    def _over(self) -> None:
        self.first.release()
        self._subtract()

    def _subtract(self) -> None:
        self.buyers -= 1
        if not self.buyers:
            self.others_may_go.set()

    async def wait_as_buyer(self, resource: pulumi.Resource) -> None:
        """Return if the mark is saved, or if the resource goes first."""
        await self.first.acquire()
        if not self.marked.is_set() and not sdk_hooks.has_one_worker():
            asyncio.ensure_future(self._leave(resource))  # noqa: RUF006 - the loop holds it
            return
        try:
            await self.mark()
        finally:
            self._over()

    async def mark(self) -> None:
        """Return if the mark is saved. Without it, nothing may be bought: another machine would
        take the run for one that bought nothing."""
        if self._saving is None:
            self._saving = asyncio.ensure_future(self._save())
        await asyncio.shield(self._saving)

    async def _save(self) -> None:
        await self.save()
        self.marked.set()
        self.others_may_go.set()

    async def _leave(self, resource: pulumi.Resource) -> None:
        """Let the next one go if the mark is saved, or if this one is finished without it."""
        over = asyncio.ensure_future(resource.urn.future())
        marked = asyncio.ensure_future(self.marked.wait())
        either: Any = {over, marked}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED, timeout=_FIRST_S)
        if not marked.done() and not over.done():
            with suppress(Exception):  # then the program fails
                await self.mark()
        if not over.done() or over.exception() is None:
            marked.cancel()
        self._over()


#: Seconds after which the mark is saved though the first one is not in its step yet, in case its
#: registration waits for the others.
_FIRST_S = 10.0


@dataclass
class _Places:
    """The URNs that resources get, and had before, while they are not registered.

    A component may wait long for what it depends on. The hosts must know the URNs of its children
    before, so that they are not taken for other resources. They follow from types and names.
    """

    #: The parents of resources that were made before this package was imported.
    _parents: dict[pulumi.Resource, pulumi.Resource | None] = field(default_factory=dict)
    #: The options, with what transformations made of them.
    options: dict[pulumi.Resource | None, pulumi.ResourceOptions] = field(default_factory=dict)
    #: The same, of the arguments of dynamic resources.
    props: dict[pulumi.Resource | None, Mapping[str, Any]] = field(default_factory=dict)

    def add(
        self, resource: pulumi.Resource, opts: pulumi.ResourceOptions, props: Mapping[str, Any]
    ) -> None:
        """Note a resource that the program makes, after its transformations."""
        self.options[resource] = opts
        if isinstance(resource, Resource):  # others of the program may be many, and large
            self.props[resource] = props

    def refuse_unseen(self, parent: pulumi.Resource | None, told: str) -> None:
        """Refuse a resource whose parents were made before this package was imported.

        Raises:
            RunError: with both names, and what to do.
        """
        ends = "", ROOT_TYPE
        while parent is not None and sdk_hooks.type_of_resource(parent) not in ends:
            if parent not in self.options:
                raise pulumi.RunError(
                    f"{told}: it belongs to {parent.pulumi_resource_name!r}, which was made before "
                    "chatdaddy_pulumi was imported, so its options are not known. Import "
                    "chatdaddy_pulumi at the top of the program"
                )
            parent = self.options[parent].parent

    def effective(
        self, resource: pulumi.Resource | None, opts: pulumi.ResourceOptions, name: str
    ) -> Any:
        """An option that the engine inherits: the resource's own, or that of the nearest parent
        which has it, with what transformations made of them; None if none has it."""
        own = self.options.get(resource, opts)
        while getattr(own, name) is None and own.parent in self.options:
            own = self.options[own.parent]
        return getattr(own, name)

    async def child_urn(self, parent: pulumi.Resource | None, leaf: str) -> str:
        """The URN of a parent's child with that ``type::name``."""
        return child_urn(_root() if parent is None else await self._urn_of(parent), leaf)

    async def old_urns(
        self, parent: pulumi.Resource | None, leaf: str, aliases: Sequence[Any]
    ) -> list[str]:
        """The URNs that a parent's child had, by its aliases and those of its parents, as far as
        they are known without waiting for a resource."""
        found, leaves = [], [leaf]
        for alias in await sdk_hooks.known_values(aliases):
            if isinstance(alias, str):
                found.append(alias)
                continue
            old = _alias_leaf(alias, leaf)
            if alias.parent is ...:
                leaves.append(old)
                found.append(await self.child_urn(parent, old))
            elif isinstance(alias.parent, str):
                found.append(child_urn(alias.parent, old))
            elif alias.parent is None or isinstance(alias.parent, pulumi.Resource):
                found.append(await self.child_urn(alias.parent, old))
        if parent is not None:
            name = parent.pulumi_resource_name
            found += [
                child_urn(urn, _renamed(one, name, short_name(urn)))
                for urn in await self._old_urns_of(parent)
                for one in leaves
            ]
        return list(dict.fromkeys(found))

    async def _old_urns_of(self, resource: pulumi.Resource) -> list[str]:
        opts = self.options.get(resource)
        given = opts.aliases if opts is not None else None
        aliases = [*(given or ()), *sdk_hooks.alias_urns(resource)]
        return await self.old_urns(self._parent_of(resource), _leaf(resource), aliases)

    async def _urn_of(self, resource: pulumi.Resource) -> str:
        if not sdk_hooks.type_of_resource(resource):
            return str(await resource.urn.future())
        return await self.child_urn(self._parent_of(resource), _leaf(resource))

    def _parent_of(self, resource: pulumi.Resource) -> pulumi.Resource | None:
        if resource in self.options:
            return self.options[resource].parent
        if resource not in self._parents:
            self._parents = sdk_hooks.parents() | self._parents
        return self._parents.setdefault(resource, None)


@dataclass
class Program:
    """The resources of this package that one run of a program declares."""

    _declarations: list[Declaration] = field(default_factory=list)
    _intents: dict[str, _Noted] = field(default_factory=dict)
    #: By name.
    _providers: dict[str, pulumi.ProviderResource | None] = field(default_factory=dict)
    _opening: asyncio.Task[RunFile] | None = None
    _hooks: dict[str, pulumi.ResourceHook] = field(default_factory=dict)
    _first_purchases: dict[str, _FirstPurchase] = field(default_factory=dict)
    #: Held by the one resource that goes first.
    _first: asyncio.Lock = field(default_factory=asyncio.Lock)
    #: The URNs of the resources that may buy in this run.
    _may_buy: set[str] = field(default_factory=set)
    places: _Places = field(default_factory=_Places)
    #: Whether a resource of any package could not be registered.
    _failed: bool = False
    #: See `refusal`.
    _refused: pulumi.RunError | None = None
    #: When the hosts were told that the program runs, in seconds since 1970; 0: not yet.
    begun: float = 0.0

    def begin(self) -> None:
        """Tell the hosts that a program runs, and watch it.

        The engine may remove something before the program declares it. A host that finds the root
        then waits for the run's file.
        """
        self.begun = time.time()
        sdk_hooks.tell_root(_root())
        sdk_hooks.watch(self._note_failure, self._end)
        sdk_hooks.see_resources(self.places.add)
        if not pulumi.runtime.is_dry_run():
            atexit.register(self._exit, _stack(), sdk_hooks.engine_address())

    def _note_failure(self) -> None:
        self._failed = True

    def _exit(self, stack: str, engine: str) -> None:
        """Note when the process ends that all is declared, since `sys.exit` skips `_end`.

        The engine removes nothing if the process fails. It may also be gone by now.
        """
        opening = self._opening
        if opening is not None and (
            not opening.done() or opening.cancelled() or opening.exception() is not None
        ):
            return
        with suppress(Exception):
            if opening is None:
                made = RunFile.create(engine, stack, preview=False, saved={}, declared=[])
            else:
                made = RunFile(opening.result().path)  # the other connection is closed by now
            self._note_end(made, done=False)

    def _note_end(self, opened: RunFile, *, done: bool) -> None:
        if self._failed:
            opened.fail()
        opened.end(done=done)

    async def _end(self) -> None:
        """Note in the run's file that all is declared. In a preview nothing is removed."""
        if pulumi.runtime.is_dry_run():
            return
        self._note_end(await self.opened(), done=True)

    def declare(
        self,
        kind: Literal["account", "fleet"],
        name: str,
        given: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
    ) -> Declaration:
        """Note a resource of this package.

        Args:
            kind: What it is.
            name: Its name.
            given: Its arguments as the program gave them.
            opts: Its options.

        Raises:
            RunError: `deleted_with` is among its options, or is inherited; the options of a
                component that it belongs to are not known; or two providers have one name.
        """
        provider = _provider_of(opts)
        own_provider = "" if provider is None else provider.pulumi_resource_name
        type_ = ACCOUNT_TYPE if kind == "account" else FLEET_TYPE
        leaf = f"{type_}::{name}"
        place = len(self._declarations)
        declaration = Declaration(self, place, leaf, kind, given, opts, own_provider)
        declaration.refuse_deleted_with()
        if sdk_hooks.under_mocks():
            return declaration
        self.places.refuse_unseen(opts.parent, declaration.told)
        noted = self._noted(own_provider, provider)
        self._declarations.append(declaration)
        if self._opening is not None:
            declaration.adding = asyncio.ensure_future(self._add(declaration))
        declaration.inputs = {
            "__run": self._hidden(own_provider, declaration),
            "__urn": declaration.own_urn() if opts.parent is not None else child_urn(_root(), leaf),
            "__intent": noted,
            PROTECT: declaration.protection(),
        }
        return declaration

    def refusal(self, error: pulumi.RunError) -> pulumi.RunError:
        """The error, after which no resource of this package is registered any more. The SDK would
        register those that the program has declared before."""
        self._refused = error
        return error

    async def wait_for_resources(self) -> None:
        """Return if all declared resources are registered, or can't be."""
        declared = [one.resource for one in self._declarations if one.resource is not None]
        await asyncio.gather(*(one.urn.future() for one in declared), return_exceptions=True)

    def hooks(self, declaration: Declaration) -> pulumi.ResourceHookBinding | None:
        """The hooks that save the begun mark."""
        if sdk_hooks.under_mocks():
            return None
        provider = declaration.provider
        if provider not in self._hooks:

            async def begin(args: pulumi.ResourceHookArgs) -> None:
                # Other updates buy nothing. They need not wait for the mark.
                if not args.old_outputs or args.urn in self._may_buy:
                    await self._first_purchases[provider].mark()

            self._hooks[provider] = pulumi.ResourceHook(
                f"chatdaddy-begun-{provider}" if provider else "chatdaddy-begun",
                begin,
                pulumi.ResourceHookOptions(on_dry_run=True),
            )
        ours: list[Any] = [self._hooks[provider]]
        return pulumi.ResourceHookBinding(before_create=ours, before_update=ours)

    def _noted(self, name: str, provider: pulumi.ProviderResource | None) -> pulumi.Output[bool]:
        """An input that makes resources of a provider wait until its intent is saved."""
        if self._providers.setdefault(name, provider) is not provider:
            error = (
                f"Provider {name!r}: two providers of this program have that name. Accounts are "
                "told apart by their providers' names, so give one of them another name"
            )
            raise self.refusal(pulumi.RunError(error))
        if name not in self._intents:
            own = intent_name(name)
            intent = _Intent(
                PROVIDERS["_intents"],
                own,
                {
                    "__run": self._hidden(name, None),
                    "__urn": child_urn(_root(), f"{INTENT_TYPE}::{own}"),
                    "__secrets": self._holds_secrets(name),
                    "__notes": None,
                },
                pulumi.ResourceOptions(provider=provider),
            )
            notes: pulumi.Output[Any] = getattr(intent, "__notes")
            # The notes themselves would be copied for each resource.
            self._intents[name] = _Noted(notes, notes.apply(bool), _Mark(own, intent))
            self._first_purchases[name] = _FirstPurchase(partial(self._mark, name), self._first)
        return self._intents[name].is_done

    async def _noted_now(self, provider: str, first_purchase: _FirstPurchase) -> set[str]:
        """The URNs of the resources for which the intent has noted purchases in this run."""
        intent = self._intents[provider]
        await intent.mark.urn.future()  # which waits for the intent
        if first_purchase.noted is None:
            opened, notes = await self.opened(), await intent.notes.future()
            first_purchase.noted = noted_at(float(opened.fact("at")), {"__notes": notes})
        return first_purchase.noted

    async def _holds_secrets(self, provider: str) -> bool | None:
        """Whether a resource of the provider has arguments that are secrets."""
        await self.opened()
        own = [one for one in self._declarations if one.provider == provider]
        return any([(await one.known()).secrets for one in own]) or None

    async def _mark(self, provider: str) -> None:
        """Save once, before the first purchase, that this run begins to buy."""
        urn = await self._intents[provider].mark.urn.future()
        opened = await self.opened()
        # Unknown in a preview, so that `pulumi up --plan` accepts what an update saves.
        preview = pulumi.runtime.is_dry_run()
        said = {
            "run": UNKNOWN if preview else opened.number,
            "at": UNKNOWN if preview else time.time(),
        }
        assert urn is not None
        await sdk_hooks.register_outputs(urn, said)

    async def done_in(self, fleet: str) -> str:
        """The number of the last run in which a fleet, by its URN, did all that it had to do."""
        opened = await self.opened()
        return now_done_in(fleet, opened.saved, opened.number, opened)

    # --- the run's file

    async def _hidden(self, provider: str, declaration: Declaration | None) -> dict[str, Any]:
        if self._refused is not None:
            raise self._refused
        opened = await self.opened()
        if declaration is None:
            return opened.hidden(provider)
        if declaration.adding is not None:
            await declaration.adding
        urn = await declaration.own_urn()
        if urn != await self.places.child_urn(declaration.parent, declaration.leaf):
            # So it is if the parent was read by its URN, or is renamed and no target.
            opened.declare(declaration.number, replace(await declaration.known(), urn=urn))
        if declaration.resource is not None:
            await declaration.ready()
            first_purchase = self._first_purchases[provider]
            first_purchase.expect()
            # With --refresh, the intent knows of accounts that are gone since the state was saved.
            noted = await self._noted_now(provider, first_purchase)
            buys = urn in noted or may_buy(await declaration.known(), opened.saved)
            if buys:
                self._may_buy.add(urn)
            await (
                first_purchase.wait_as_buyer(declaration.resource)
                if buys
                else first_purchase.wait_as_other()
            )
        return opened.hidden(provider)

    async def _add(self, declaration: Declaration) -> None:
        opened = await self.opened()
        opened.declare(declaration.number, await declaration.known())

    async def opened(self) -> RunFile:
        """The run's file, which the first caller makes."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._make())
        return await outcome_of(self._opening)

    async def _make(self) -> RunFile:
        stack = _stack()
        saved = await _saved_outputs(stack)
        declared = [await one.known() for one in list(self._declarations)]
        _warn_of_plain_tokens()
        try:
            return RunFile.create(
                sdk_hooks.engine_address(),
                stack,
                began=self.begun,
                preview=pulumi.runtime.is_dry_run(),
                saved=saved,
                declared=declared,
                secret_settings=secret_settings(),
            )
        except (OSError, sqlite3.Error) as error:
            raise pulumi.RunError(
                f"ChatDaddy: the run's file can't be made: {error}. Nothing was done. Make room in "
                f"{gettempdir()}, or set TMPDIR to another folder of your own"
            ) from None


def end_if_failed(failed: pulumi.Output[Any], error_of: Callable[[Any, bool], str | None]) -> None:
    """End the program with an error, after the resources of this package are done and saved.

    `error_of` gives the error's text, if there is one, from the output's value and whether that is
    a secret.
    """
    run = program()

    async def end(known: Sequence[Any]) -> None:
        text = error_of(*known)
        if text and not pulumi.runtime.is_dry_run():
            # The SDK ends the program at once. Steps whose hooks wait for it would fail.
            await run.wait_for_resources()
            raise pulumi.RunError(text)

    _: pulumi.Output[None] = pulumi.Output.all(failed, failed.is_secret()).apply(end)


def _provider_of(opts: pulumi.ResourceOptions) -> pulumi.ProviderResource | None:
    """The explicit `Provider` of a resource with these options, its own or its parents'."""
    if opts.provider is not None:
        return opts.provider
    providers = opts.providers
    if isinstance(providers, Mapping):
        return providers.get("pulumi-python")
    for one in providers or ():
        if one.package == "pulumi-python":
            return one
    if opts.parent is not None:
        return opts.parent.get_provider(ACCOUNT_TYPE)
    return None


def ignores_changes(told: str) -> pulumi.RunError:
    """The error for a fleet with `ignore_changes`, its own or from a transformation."""
    return pulumi.RunError(
        f"{told}: ignore_changes can't work for a fleet, whose entries would be changed and "
        "removed all the same. Leave it out; an account that needs it can be an Account, and keeps "
        "its chats if it moves there with its nickname"
    )


def check_name(kind: str, name: str) -> None:
    """Refuse what can't be a resource's name.

    Raises:
        RunError: it is no text, or is empty.
    """
    if not isinstance(name, str) or not name:
        raise pulumi.RunError(f"{kind}: the name is {shown(name)}, but must be a text, not empty")


def secret_settings() -> list[str]:
    """The keys of the stack's configuration that are ours, and secrets."""
    keys = [f"chatdaddy:{name}" for name in SETTINGS]
    return [key for key in keys if sdk_hooks.is_secret_setting(key)]


def _warn_of_plain_tokens() -> None:
    """Warn of tokens that the stack's configuration has in clear: then the state has them, too."""
    for token in TOKENS:
        key = f"chatdaddy:{token}"
        if not sdk_hooks.is_secret_setting(key) and pulumi.Config("chatdaddy").get(token):
            pulumi.log.warn(
                f"{key} is in clear in the stack's configuration and state, and opens the whole "
                f"team. Run `pulumi config set --secret {key}`, which asks for it, with a new token"
            )


async def secret_names(given: Mapping[str, Any]) -> list[str] | None:
    """The arguments that the program gives as secrets, as a whole or in part."""
    found = [_secret_name(name, one) for name, one in given.items() if await _is_secret(one)]
    return sorted(found) or None


def _known_secrets(
    given: Mapping[str, Any], outputs: Mapping[int, tuple[Any, bool]]
) -> Iterator[str]:
    """The same, as far as they are known without waiting for a resource."""
    for name, value in given.items():
        if any(outputs.get(id(one), (None, False))[1] for one in _outputs_in(value)):
            yield _secret_name(name, value)


def _secret_name(name: str, value: Any) -> str:
    return name if isinstance(value, pulumi.Output) else f"{name}{PART}"


async def _is_secret(value: Any) -> bool:
    for output in _outputs_in(value):
        if await output.is_secret() or await _is_secret(await output.future()):
            return True
    return False


async def _read_state(stack: str) -> Mapping[str, Any] | None:
    """The answer of the engine, which may be writing the state's file at the same time."""
    for again in range(_READS, -1, -1):
        try:
            found: Mapping[str, Any] | None = await asyncio.ensure_future(
                pulumi.runtime.invoke_async(
                    "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}
                )
            )
            return found
        except Exception:  # the SDK raises no more specific exception
            if not again:
                raise
            await asyncio.sleep(_READ_AGAIN_S)
    return None


async def _saved_outputs(stack: str) -> dict[str, Any]:
    """The outputs of this package's resources in the stack's saved state, by URN."""
    answer = await _read_state(stack)
    outputs: Mapping[str, Any] = (answer or {}).get("outputs") or {}
    return {
        # Without the phone number, which no host needs, since the run's file is not encrypted.
        urn: {
            name: _json(value)
            for name, value in (one.get("outputs") or {}).items()
            if name != "user_id"
        }
        for urn, one in outputs.items()
        if type_of(urn).startswith(_OWN_TYPES)
    }


def _json(value: Any) -> Any:
    """Plain values, without what JSON can't represent."""
    return json.loads(json.dumps(value, default=lambda _: None))


#: Values that can't have outputs in them.
_SCALARS = (str, int, float, type(None))


def _outputs_in(value: Any) -> Iterator[pulumi.Output[Any]]:
    if isinstance(value, pulumi.Output):
        yield value
        return
    # A fleet has tens of thousands of mappings; `Mapping` alone takes ten times as long.
    if isinstance(value, (dict, Mapping)):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for inner in value:
        if not isinstance(inner, _SCALARS):
            yield from _outputs_in(inner)


def _known(value: Any, outputs: Mapping[int, tuple[Any, bool]]) -> Any:
    """The value with its known outputs; the others are `UNKNOWN`."""
    if isinstance(value, pulumi.Output):
        return _known(outputs[id(value)][0], outputs) if id(value) in outputs else UNKNOWN
    if isinstance(value, Mapping):
        return {str(key): _known(inner, outputs) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(inner, outputs) for inner in value]
    if isinstance(value, _SCALARS):
        return getattr(value, "value", value)
    return UNKNOWN


async def _resources_in(depends_on: Any) -> list[pulumi.Resource]:
    """The resources that `depends_on` names, in any of its forms."""
    if isinstance(depends_on, pulumi.Output):
        depends_on = await depends_on.future()
    elif isawaitable(depends_on):
        depends_on = await depends_on
    if isinstance(depends_on, pulumi.Resource):
        return [depends_on]
    if isinstance(depends_on, (list, tuple)):
        return [one for part in depends_on for one in await _resources_in(part)]
    return []


def _stack() -> str:
    """The stack: ``organization/project/stack``."""
    return "/".join([pulumi.get_organization(), pulumi.get_project(), pulumi.get_stack()])


def _root() -> str:
    """The URN of the stack's root."""
    return root_of(_stack())


def _leaf(resource: pulumi.Resource) -> str:
    return f"{resource.pulumi_resource_type}::{resource.pulumi_resource_name}"


def _alias_leaf(alias: pulumi.Alias, leaf: str) -> str:
    """The ``type::name`` of an alias of a resource."""
    old_type = alias.type_ if isinstance(alias.type_, str) else type_of(leaf)
    return f"{old_type}::{alias.name if isinstance(alias.name, str) else short_name(leaf)}"


def _renamed(leaf: str, parent: str, old_parent: str) -> str:
    """The child's ``type::name`` while its parent had another name, as the engine assumes it."""
    name = short_name(leaf)
    if name.startswith(parent):
        name = f"{old_parent}{name.removeprefix(parent)}"
    return f"{type_of(leaf)}::{name}"
