"""The providers with the emulated ChatDaddy, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.provider import OneFleet, Stack, over_http
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running


@pytest.fixture(scope="module")
def one_server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def server(one_server: Sandbox) -> Sandbox:
    """The module's emulator, with an empty team."""
    one_server.empty()
    return one_server


@pytest.fixture
def stack(server: Sandbox) -> Stack:
    return over_http(server.url, TEAM_ID, REFRESH_TOKEN)


@pytest.fixture
def fleet(stack: Stack) -> OneFleet:
    return OneFleet(stack)
