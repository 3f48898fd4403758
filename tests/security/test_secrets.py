"""No secret leaves its place, and the search for leaks finds one that does."""

from __future__ import annotations

import base64
import os
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from chatdaddy_pulumi.provider import machine_files
from chatdaddy_pulumi.provider.run_file import RunFile
from tests.faults.kills import descendants
from tests.faults.mutants import MUTANTS, mutated
from tests.support import leaks
from tests.support.engine import ENGINES, PASSPHRASE, Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

PROGRAM = """\
import pulumi
from chatdaddy_pulumi import Account

for number in range(4):
    account = Account(f"alice-{number}", settings={"enableStories": True})
    pulumi.export(f"id-{number}", account.account_id)
    pulumi.export(f"phone-{number}", account.user_id)
"""


def stack_of(sandbox: Sandbox, folder: Path, engine: str = "stand-in", **env: str) -> Stack:
    return Stack(
        write_project(folder / "project", PROGRAM, "secrets"),
        engine=engine,  # type: ignore[arg-type]
        workdir=folder / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        env=env,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_token_that_the_stack_has_in_clear_is_named(
    sandbox: Sandbox, tmp_path: Path, engine: str
) -> None:
    stack = stack_of(sandbox, tmp_path, engine)
    assert "in clear" not in stack.preview().output
    stack.remove_config("chatdaddy:refreshToken")
    stack.set_config("chatdaddy:refreshToken", "a token that the emulator does not know")
    told = stack.preview().output
    assert "chatdaddy:refreshToken is in clear in the stack's configuration and state" in told


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_secret_in_state_output_files_or_arguments(
    sandbox: Sandbox, tmp_path: Path, engine: str
) -> None:
    for folder in ("tmp", "home"):
        (tmp_path / folder).mkdir()
    env = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    stack = stack_of(sandbox, tmp_path, engine, **env)
    sandbox.fault("POST", "/im/accounts", "delay", times=4, delay_ms=1000)
    with (tmp_path / "up.log").open("w") as log:
        process = stack.start("up", "--skip-preview", stdout=log)
    arguments: set[str] = set()
    while process.poll() is None:
        arguments |= set(descendants(process.pid).values()) | {" ".join(process.args)}  # type: ignore[arg-type]
        time.sleep(0.2)
    assert process.returncode == 0, (tmp_path / "up.log").read_text()
    assert any("pulumi.dynamic" in line or "child.py host" in line for line in arguments)
    sandbox.scan(str(stack.outputs()["id-0"]))
    phone = str(sandbox.account(str(stack.outputs()["id-0"]))["userId"])  # type: ignore[index]
    refreshed = stack.refresh("--diff").ok()
    # A call fails with everything that a server can know.
    words = f"refused: Bearer {sandbox.token()} of {REFRESH_TOKEN}"
    sandbox.fault("PATCH", "*", "status", times=9, status=400, message=words)
    (stack.project / "__main__.py").write_text(PROGRAM.replace("True", "False"))
    failed = stack.up("--skip-preview", "--diff")
    assert failed.exit_code != 0
    secrets = {**leaks.SECRETS, "a phone number": phone}
    runs = list((tmp_path / "tmp").glob("chatdaddy-pulumi-*/*.db"))
    assert runs, "they are also searched"
    assert leaks.in_files([tmp_path], secrets) == []
    for name, text in {
        "arguments": "\n".join(arguments),
        "refresh": refreshed.output,
        "failure": failed.output,
    }.items():
        assert leaks.in_bytes(text.encode(), name, secrets) == []


@pytest.mark.slow
def test_a_deliberate_leak_is_found(sandbox: Sandbox, tmp_path: Path) -> None:
    """The search finds the token that a changed copy of the package writes into the state."""
    with mutated(MUTANTS["a token in the state"]) as package:
        stack = stack_of(sandbox, tmp_path, PYTHONPATH=str(package))
        stack.up("--skip-preview").ok()
    found = leaks.in_files([tmp_path])
    state = tmp_path / "work" / "states" / "dev.json"
    assert {leak.place for leak in found} == {str(state)}
    assert {leak.secret for leak in found} == {"the refresh token"}
    state.unlink()  # otherwise the search over the whole suite's files finds it, too


@pytest.mark.parametrize(
    "written",
    [
        REFRESH_TOKEN,
        f'{{"message": "no: {REFRESH_TOKEN}"}}',
        quote(f"https://x/?token={PASSPHRASE}"),
        *(base64.b64encode(b"x" * n + PASSPHRASE.encode() + b"yz").decode() for n in range(3)),
        REFRESH_TOKEN.encode().hex(),
    ],
)
def test_the_search_finds_encoded_secrets(tmp_path: Path, written: str) -> None:
    file = tmp_path / "found.txt"
    file.write_text(f"some text {written} more text")
    assert [leak.place for leak in leaks.in_files([tmp_path])] == [str(file)]
    file.unlink()


@pytest.mark.slow
def test_only_the_owner_can_read_files_with_secrets(sandbox: Sandbox, tmp_path: Path) -> None:
    stack = stack_of(sandbox, tmp_path)
    before = os.umask(0o022)
    try:
        stack.up("--skip-preview").ok()
    finally:
        os.umask(before)
    states = [path for path in (tmp_path / "work").rglob("*.json") if path.is_file()]
    assert states
    for path in states:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.slow
def test_only_the_owner_can_read_the_sandbox_database(tmp_path: Path) -> None:
    from tests.support.sandbox import running

    db = tmp_path / "sandbox.db"
    with running("--db", str(db)) as server:
        server.call("POST", "/im/accounts", json={"type": "wa"}).raise_for_status()
        files = list(tmp_path.iterdir())
        assert db in files
        for path in files:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_nothing_secret_is_tracked_by_git() -> None:
    root = Path(__file__).parents[2]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    odd = re_private_keys(root, listed.stdout.split("\0"))
    assert odd == []


def test_no_page_passes_a_token_as_an_argument() -> None:
    """Other users of the machine see arguments, and the shell keeps them in its history."""
    root = Path(__file__).parents[2]
    shown = [*root.glob("*.md"), *root.glob("scripts/*.py")]
    for folder in ("docs", "examples", "chatdaddy_pulumi"):
        shown += [*(root / folder).rglob("*.md"), *(root / folder).rglob("*.py")]
    given = re.compile(
        r"--secret\W+chatdaddy:(refresh|api)Token (?! *[#(])(?!sandbox-refresh-token)\S"
        r"|-H \S*authorization: \S+ \$"
    )
    found = [f"{file}: {told[0]}" for file in shown if (told := given.search(file.read_text()))]
    assert found == []


def re_private_keys(root: Path, names: list[str]) -> list[str]:
    marks = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN EC PRIVATE KEY", b"-----BEGIN RSA PRIVATE")
    here = Path(__file__).relative_to(root).as_posix()
    return [
        name
        for name in names
        if name
        and name != here
        and (root / name).is_file()
        and any(mark in (root / name).read_bytes() for mark in marks)
    ]


def test_only_the_owner_can_read_a_run_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = os.umask(0)
    try:
        made = RunFile.create("127.0.0.1:1", "a/b/c", preview=True, saved={}, declared=[])
    finally:
        os.umask(before)
    own = made.path.parent
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in own.iterdir()} == {0o600}
    own.chmod(0o777)
    assert stat.S_IMODE(machine_files.folder().stat().st_mode) == 0o700
    own.rename(tmp_path / "elsewhere")
    own.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotADirectoryError):
        machine_files.folder()
