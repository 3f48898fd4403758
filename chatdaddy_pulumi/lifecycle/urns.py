"""URNs: ``urn:pulumi:STACK::PROJECT::TYPES::NAME``, as the engine makes them.

``TYPES`` are those of the parents and the resource's own, with ``$`` between them. A name may
contain ``::``. A *leaf* is a resource's own ``TYPE::NAME``.
"""

from __future__ import annotations

#: The type of the root. Its children do not name it.
ROOT_TYPE = "pulumi:pulumi:Stack"


def root_of(stack: str) -> str:
    """The URN of the root of ``organization/project/stack``."""
    _, project, name = stack.split("/")
    return f"urn:pulumi:{name}::{project}::{ROOT_TYPE}::{project}-{name}"


def child_urn(parent: str, leaf: str) -> str:
    """The URN of a child, from its parent's URN and its own leaf."""
    stack, project, types, _ = parent.split("::", 3)
    inside = "" if types == ROOT_TYPE else f"{types}$"
    return f"{stack}::{project}::{inside}{leaf}"


def type_of(urn: str) -> str:
    """A resource's own type, from its URN or its leaf."""
    return _split(urn)[0].rpartition("$")[2]


def short_name(urn: str) -> str:
    """A resource's name, from its URN or its leaf."""
    return _split(urn)[1]


def leaf_of(urn: str) -> str:
    """A URN's leaf."""
    return f"{type_of(urn)}::{short_name(urn)}"


def within_stack(urn: str) -> str:
    """A URN without its stack and project; a leaf as it is."""
    return "::".join(_split(urn))


def _split(urn: str) -> tuple[str, str]:
    """The types and the name in a URN or a leaf."""
    own = urn.split("::", 2)[-1] if urn.startswith("urn:") else urn
    types, found, name = own.partition("::")
    return (types, name) if found else ("", own)
