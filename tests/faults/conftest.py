"""The team that histories start from, made once for each worker."""

from __future__ import annotations

import pytest

from tests.faults.world import Team


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    return Team.make(tmp_path_factory.mktemp("team"))
