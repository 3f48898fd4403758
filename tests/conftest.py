"""Fixtures for all tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.leaks import pytest_runtest_logreport, pytest_sessionfinish
from tests.support.sandbox import Sandbox, running

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish", "sandbox"]

# No deadline: a test does not fail on a busy machine. Examples are always the same, so that a
# failure comes from a change. `pytest --hypothesis-profile=random` tries others.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True, max_examples=50)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hosts find the files of earlier runs in the temporary folder: only this session's here."""
    folder = str(tmp_path_factory.mktemp("tmpdir"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An emulated ChatDaddy for one test only."""
    with running() as server:
        yield server
