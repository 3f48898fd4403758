"""Emulators for the tests: a shared one, and new ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandbox import Sandbox, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An emulated ChatDaddy for one test only."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def shared() -> Iterator[Sandbox]:
    """A shared emulator. Each test creates its own accounts, and clears its faults."""
    with running() as server:
        yield server


@pytest.fixture
def limited(shared: Sandbox) -> str:
    """The ID of a new account with the limited tier."""
    return shared.buy(tier="limited")


@pytest.fixture
def unlimited(shared: Sandbox) -> str:
    """The ID of a new account with the unlimited tier."""
    return shared.buy(tier="unlimited")
