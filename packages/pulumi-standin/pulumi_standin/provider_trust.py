"""Which providers of a state may be loaded.

A state has each provider as a pickle, and loading a pickle runs code. The program of a run is
trusted, and so are the providers that it registers. A provider that only the state has is loaded if
its pickle is only a name, and if that name is allowed.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
from collections.abc import Callable

from pulumi_standin.provider import ProviderError
from pulumi_standin.values import UNKNOWN, Props, unwrap

#: Whether a provider that only the state names may be loaded. The argument is its name
#: (``package.module.attribute``), or None if the pickle is more than a name.
MayLoad = Callable[[str | None], bool]

_PROVIDER = "__provider"
_STRINGS = frozenset({"SHORT_BINUNICODE", "BINUNICODE"})
# A global, and an instance of it that is created without arguments.
_HARMLESS = _STRINGS | {
    "PROTO",
    "FRAME",
    "MEMOIZE",
    "STACK_GLOBAL",
    "EMPTY_TUPLE",
    "NEWOBJ",
    "STOP",
}


class ProviderTrust:
    """The providers that the program of this run registered, and a rule for all others."""

    def __init__(self, may_load: MayLoad | None) -> None:
        self._may_load = may_load
        self._registered: set[str] = set()

    def register(self, inputs: Props) -> None:
        """Trust the provider that the program gives a resource."""
        if isinstance(provider := unwrap(inputs.get(_PROVIDER)), str):
            self._registered.add(provider)

    def check(self, props: Props, otherwise: Props | None = None) -> None:
        """Raise `ProviderError` unless the provider in `props` may be loaded.

        `otherwise` is where the host looks if the provider in `props` is unknown.
        """
        provider = unwrap(props.get(_PROVIDER))
        if provider is UNKNOWN and otherwise is not None:
            provider = unwrap(otherwise.get(_PROVIDER))
        if self._may_load is None or provider is None or provider in self._registered:
            return
        name = name_of(provider) if isinstance(provider, str) else None
        if not self._may_load(name):
            raise ProviderError(
                f"the state's provider {name or '(code)'} is not loaded: the program of this run "
                "does not register it, and it is none that may be loaded from a state; if you "
                "trust the state, use `pulumi`"
            )


def name_of(provider: str) -> str | None:
    """The name in a pickled provider, without loading it. None if the pickle is more than a
    name.
    """
    names: list[str] = []
    globals_ = 0
    try:
        for opcode, argument, _ in pickletools.genops(base64.b64decode(provider, validate=True)):
            if opcode.name not in _HARMLESS:
                return None
            if opcode.name in _STRINGS:
                names.append(str(argument))
            globals_ += opcode.name == "STACK_GLOBAL"
    except (binascii.Error, ValueError, UnicodeError):
        return None
    return ".".join(names) if globals_ == 1 and len(names) == 2 else None
