"""Emulators for the tests: a shared one, and fresh ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandbox import Sandbox, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh emulated ChatDaddy of one test's own."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    """Each test makes its own accounts on it, and leaves no faults behind."""
    with running() as server:
        yield server


@pytest.fixture
def limited(shared: Sandbox) -> str:
    """A new account of the limited tier: its ID."""
    return shared.buy(tier="limited")


@pytest.fixture
def unlimited(shared: Sandbox) -> str:
    """A new account of the unlimited tier: its ID."""
    return shared.buy(tier="unlimited")
