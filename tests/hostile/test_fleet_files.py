"""Malicious fleet files: each ends in clear errors, within bounds, and nothing is done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi import load_fleet
from tests.support import warm
from tests.support.engine import Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

#: The bounds for reading a file: memory in bytes, besides what the process has at its start. A
#: fleet of 50,000 accounts takes a sixth of each at most.
MOST_MEMORY, MOST_SECONDS = 1_000_000_000, 20

BOMB = "a0: &a0 {x: lol}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(9))}}}\n" for n in range(1, 12)
)


def file(name: str, content: str | bytes | Callable[[], str]) -> Callable[[Path], Path]:
    """Makes the file. The content of a large one is made only then."""

    def make(folder: Path) -> Path:
        path, made = folder / name, content() if callable(content) else content
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
        return path

    return make


def loop(folder: Path) -> Path:
    path = folder / "loop.yaml"
    path.symlink_to(path)
    return path


def pipe(folder: Path) -> Path:
    path = folder / "pipe.yaml"
    os.mkfifo(path)
    return path


#: Each with what the first line must contain.
CORPUS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "exponential aliases": (file("a.yaml", BOMB), "the alias *a0 is not taken here"),
    "exponential merges": (
        file("a.yaml", "x: &x {tier: limited}\ny: {<<: [*x, *x]}\n"),
        "merging with << is not taken here",
    ),
    "a million keys": (
        file("a.yaml", lambda: "".join(f"k{n}:\n" for n in range(1_200_000))),
        "more than 1,000,000 values",
    ),
    "a hundred thousand equal keys": (
        file("a.json", lambda: "{" + ",".join(['"k":{}'] * 100_000) + "}"),
        "the key is given twice",
    ),
    "a hundred thousand equal arguments": (
        file("a.json", lambda: '{"k":{' + ",".join(['"tier":"limited"'] * 100_000) + "}}"),
        "is given twice",
    ),
    "two hundred thousand columns": (
        file("a.csv", lambda: "key," + ",".join(["tier"] * 190_000) + "\n"),
        "the header has 190,001 columns; is this CSV?",
    ),
    "a hundred thousand keys beside the accounts": (
        file("a.json", lambda: '{"accounts":{},' + ",".join(['"accounts":{}'] * 100_000) + "}"),
        "is given twice",
    ),
    "unknown arguments of twenty thousand": (
        file(
            "a.json", lambda: "{" + ",".join(f'"k{n}":{{"x{n}":{n}}}' for n in range(20_000)) + "}"
        ),
        "x0 is not",
    ),
    "wrong nicknames of twenty thousand": (
        file(
            "a.json",
            lambda: "{" + ",".join(f'"k{n}":{{"nickname":{n}}}' for n in range(20_000)) + "}",
        ),
        "nickname is 0, but must be a text",
    ),
    "a hundred thousand equal nicknames": (
        file("a.csv", lambda: "key,nickname\n" + "".join(f"k{n},x\n" for n in range(100_000))),
        "is the one of 'k0' in line 2 already",
    ),
    "a line of 10 MB": (file("a.yaml", lambda: "a: {nickname: " + "x" * 10**7 + "}"), "characters"),
    "a nickname over several lines": (
        file("a.csv", lambda: 'key,nickname\na,"' + "x\n" * 3_000_000),
        "a quote is opened here and not closed",
    ),
    "nested brackets": (file("a.json", lambda: "[" * 10**7), "more than 20"),
    "NULs": (file("a.json", b"\0" * 10**7), "holds a NUL"),
    "UTF-32": (file("a.json", '{"a": {}}'.encode("utf-32")), "is UTF-16"),
    "half of a surrogate pair": (file("a.csv", "key\nJos\u00e9".encode()[:-1]), "is not UTF-8"),
    "numbers for names": (file("a.yaml", "1: {nickname: 2}\n"), "the key is 1, but must be a text"),
    "a number as a nickname": (
        file("a.yaml", "a: {nickname: 0x1F}\n"),
        "nickname is 31, but must be",
    ),
    "the prototype": (file("a.json", '{"__proto__": {"tier": "limited"}}'), "begin with '__'"),
    "the prototype's arguments": (
        file("a.json", '{"a": {"__proto__": {"adopt": "acc0"}}}'),
        "__proto__",
    ),
    "code": (
        file("a.yaml", 'a: !!python/object/apply:os.system ["touch owned"]\n'),
        "the tag tag:yaml.org,2002:python/object/apply:os.system is not taken here",
    ),
    "a path for an ID": (
        file("a.yaml", "a: {adopt: ../../auth/token}\n"),
        "adopt is '../../auth/token', but must be an account's ID",
    ),
    "a terminal's commands": (
        file("a.json", '{"a\\u001b]0;owned\\u0007": {}}'),
        "but must not hold control characters",
    ),
    "a folder": (lambda folder: folder, "none of yaml, json and csv"),
    "a pipe without a writer": (pipe, "is not a file"),
    "a link to itself": (loop, "can't be read"),
    "a file of secrets": (lambda _: Path("/etc/passwd"), "none of yaml, json and csv"),
    "a path to a parent folder": (
        lambda folder: folder / ("../" * 5_000) / "a.yaml",
        "can't be read",
    ),
}


BOUNDED = f"""
import os, resource, sys
from chatdaddy_pulumi.cli import main

with open("/proc/self/statm") as statm:
    mapped = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
most = mapped + {MOST_MEMORY}
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, ({MOST_SECONDS}, {MOST_SECONDS}))
sys.argv[0] = "chatdaddy-pulumi"
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("trap", CORPUS)
def test_a_malicious_file_ends_in_clear_errors(trap: str, tmp_path: Path) -> None:
    make, expected = CORPUS[trap]
    program = tmp_path / "bounded.py"
    program.write_text(BOUNDED)
    done = subprocess.run(
        [warm.python(), str(program), "fleet", "check", str(make(tmp_path))],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said[-2000:]
    assert "Traceback" not in said
    assert expected in said.splitlines()[0][-600:]
    assert max(map(len, said.splitlines())) < 20_000, "the lines are readable"
    assert not (tmp_path / "owned").exists()


@given(
    st.sampled_from(["yaml", "json", "csv"]),
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200),
        st.text(alphabet="key,:{}[]\"'\\&*!<-|>#%@` \t\n\r0123.e~", max_size=80),
    ),
)
def test_any_content_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: str, content: bytes | str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"anything.{kind}"
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    )
    found, said = {}, ""
    try:
        found = load_fleet(path)
    except pulumi.RunError as error:
        said = str(error)
    assert all(line.isprintable() for line in said.split("\n"))
    assert all(isinstance(key, str) and isinstance(own, dict) for key, own in found.items())


@pytest.mark.slow
def test_a_program_with_a_malicious_file_does_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    project = write_project(
        tmp_path / "project",
        "from chatdaddy_pulumi import Account, AccountFleet, load_fleet\n"
        "Account('before')\nAccountFleet('f', load_fleet('fleet.yaml'))\n",
    )
    (project / "fleet.yaml").write_text(BOMB)
    stack = Stack(
        project,
        engine="stand-in",
        workdir=tmp_path / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
    )
    run = stack.up()
    assert run.exit_code == 1
    assert "fleet.yaml:2:" in run.output
    assert "Traceback" not in run.output
    assert sandbox.writes() == {}
