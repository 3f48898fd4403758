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

# A busy machine is no failure: nothing here is asserted by the clock.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh emulated ChatDaddy of one test's own."""
    with running() as server:
        yield server
