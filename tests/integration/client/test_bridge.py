"""Threads share one event loop. Tests of the whole process run in a new process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from chatdaddy_pulumi.client import BadSetting, Purchase, ServiceUrls
from chatdaddy_pulumi.client.bridge import Credentials, client_for, run
from tests.integration.client.conftest import FAST
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

ROOT = Path(__file__).resolve().parents[3]


def credentials(server: Sandbox) -> Credentials:
    urls = ServiceUrls.from_base(server.url)
    return Credentials(TEAM_ID, refresh_token=REFRESH_TOKEN, urls=urls)


def script(text: str, server: Sandbox) -> subprocess.CompletedProcess[str]:
    head = f"""
        import asyncio, os, sys, threading, time
        from chatdaddy_pulumi.client import Purchase, ServiceUrls
        from chatdaddy_pulumi.client.bridge import Credentials, client_for, run
        urls = ServiceUrls.from_base({server.url!r})
        client = client_for(Credentials({TEAM_ID!r}, refresh_token={REFRESH_TOKEN!r}, urls=urls))
    """
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(head) + textwrap.dedent(text)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_threads_share_client_token_and_listing(server: Sandbox) -> None:
    # Options of its own, so that no other test has used the client before.
    options = replace(FAST, max_pages=FAST.max_pages - 1)

    def work(number: int) -> str:
        client = client_for(credentials(server), options)
        run(client.accounts.snapshot())
        return run(client.billing.team_detail()).id

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(40))) == {TEAM_ID}
    totals = server.totals()
    assert totals["POST /auth/token"] == 1
    assert totals["GET /payments/team-detail"] == 40
    assert client_for(credentials(server), options) is client_for(credentials(server), options)


def test_other_credentials_have_another_client(server: Sandbox) -> None:
    one = client_for(credentials(server))
    other = client_for(Credentials(TEAM_ID, api_token="api-token-1", urls=one_urls(server)))
    assert one is not other
    with pytest.raises(BadSetting):
        client_for(Credentials(""))


def one_urls(server: Sandbox) -> ServiceUrls:
    return ServiceUrls.from_base(server.url)


def test_exceptions_of_the_work_are_raised() -> None:
    async def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run(fail())


def test_a_blocking_call_on_the_loop_itself_is_refused() -> None:
    async def inside() -> int:
        return 1

    async def outer() -> None:
        run(inside())

    with pytest.raises(RuntimeError, match="await the coroutine"):
        run(outer())


def test_an_interrupted_thread_cancels_its_work(server: Sandbox) -> None:
    done = script(
        """
        import signal
        ended = threading.Event()
        async def long():
            try:
                await asyncio.sleep(30)
            finally:
                ended.set()
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            run(long())
        except KeyboardInterrupt:
            print("interrupted", ended.wait(5))
        """,
        server,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted True\n", "", 0)


@pytest.mark.slow
def test_the_interpreter_ends_cleanly_with_connections_and_work_open(server: Sandbox) -> None:
    done = script(
        """
        print(run(client.billing.team_detail()).id)
        async def long():
            await asyncio.sleep(30)
        def wait():
            try:
                run(long())
            except BaseException as error:
                print(type(error).__name__, flush=True)
        threading.Thread(target=wait, daemon=True).start()
        time.sleep(0.2)
        """,
        server,
    )
    assert done.stdout.startswith(f"{TEAM_ID}\n")
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_forked_child_has_a_loop_of_its_own(server: Sandbox) -> None:
    done = script(
        """
        print(run(client.billing.team_detail()).id, flush=True)
        child = os.fork()
        if child == 0:
            again = client_for(Credentials(client._team_id, refresh_token=TOKEN, urls=urls))
            assert again is not client
            print(run(again.billing.team_detail()).id, flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(run(client.billing.team_detail()).id, status)
        """.replace("TOKEN", repr(REFRESH_TOKEN)),
        server,
    )
    assert done.stdout == f"{TEAM_ID}\n{TEAM_ID}\n{TEAM_ID} 0\n", done.stderr


def test_four_threads_buy_and_read_at_once(server: Sandbox, nickname: str) -> None:
    client = client_for(credentials(server), FAST)

    def work(number: int) -> bool:
        account = run(client.accounts.purchase(Purchase(nickname=f"{nickname}-{number}")))
        return run(client.accounts.read(account.account_id)) is not None

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(12)))


def test_importing_the_package_loads_neither_httpx_nor_pydantic() -> None:
    code = (
        "import sys, chatdaddy_pulumi.client as api; "
        "print(sorted({'httpx', 'pydantic', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
