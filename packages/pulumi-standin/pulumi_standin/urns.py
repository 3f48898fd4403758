"""Uniform resource names and provider references, as Pulumi writes them."""

from __future__ import annotations

ROOT_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"


def make(stack: str, project: str, parent: str, kind: str, name: str) -> str:
    """``urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME``. The root stack is never a prefix."""
    prefix = qualified_type(parent) if parent else ""
    if prefix and prefix != ROOT_TYPE:
        kind = f"{prefix}${kind}"
    return f"urn:pulumi:{stack}::{project}::{kind}::{name}"


def is_urn(text: str) -> bool:
    """Whether it has the parts of a URN."""
    return text.startswith("urn:") and text.count("::") >= 3


def qualified_type(urn: str) -> str:
    return urn.split("::", 3)[2]


def type_of(urn: str) -> str:
    return qualified_type(urn).rsplit("$", 1)[-1]


def name_of(urn: str) -> str:
    return urn.split("::", 3)[3]


def is_provider(kind: str) -> bool:
    return kind.startswith(PROVIDER_PREFIX)


def package_of(kind: str) -> str:
    """The package of a resource type, or of a provider's type."""
    if is_provider(kind):
        return kind[len(PROVIDER_PREFIX) :]
    return kind.split(":", 1)[0]


def split_reference(reference: str) -> tuple[str, str]:
    """The two parts of a provider reference ``URN::ID``."""
    urn, _, identifier = reference.rpartition("::")
    return urn, identifier
