"""Fixtures that every kind of test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.leaks import pytest_runtest_logreport, pytest_sessionfinish
from tests.support.sandbox import Sandbox, running

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "sandbox"]

# Tests start hundreds of processes: each must not compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no failure: nothing here is asserted by the clock. The same examples every time:
# a change is not blamed for what chance finds. `pytest --hypothesis-profile=random` looks for more.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True)
settings.load_profile("same")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh emulated ChatDaddy of one test's own."""
    with running() as server:
        yield server
