"""URNs, as the engine makes them."""

from __future__ import annotations

import pytest

from chatdaddy_pulumi.lifecycle.urns import (
    child_urn,
    leaf_of,
    root_of,
    short_name,
    type_of,
    within_stack,
)

ROOT = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"


def test_a_child_of_the_root_does_not_name_it() -> None:
    assert root_of("acme/shop/dev") == ROOT
    urn = child_urn(ROOT, "acme:index:Part::sales")
    assert urn == "urn:pulumi:dev::shop::acme:index:Part::sales"
    inside = child_urn(urn, "acme:index:Desk::anna")
    assert inside == "urn:pulumi:dev::shop::acme:index:Part$acme:index:Desk::anna"


@pytest.mark.parametrize("name", ["anna", "eu::anna", "::", "a::b::c"])
def test_a_name_may_have_colons(name: str) -> None:
    parent = child_urn(ROOT, f"acme:index:Part::{name}")
    urn = child_urn(parent, f"acme:index:Desk::{name}")
    assert short_name(urn) == name
    assert type_of(urn) == "acme:index:Desk"
    leaf = leaf_of(urn)
    assert leaf == f"acme:index:Desk::{name}"
    assert (type_of(leaf), short_name(leaf)) == ("acme:index:Desk", name)
    assert within_stack(urn) == f"acme:index:Part$acme:index:Desk::{name}"
    assert within_stack(leaf) == leaf
