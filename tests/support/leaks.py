"""The search for secrets in the files, the output and the reports of a test run.

`tests/conftest.py` applies it to everything that the whole suite produced.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.engine import PASSPHRASE
from tests.support.sandbox import REFRESH_TOKEN

SECRETS = {"the refresh token": REFRESH_TOKEN, "the passphrase": PASSPHRASE}

#: An access token in the emulator's format.
_JWT = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}")

#: The emulated service's own database, which contains its tokens, and its SQLite log. Run files are
#: also databases, in a folder of their own.
_THE_SERVICES_OWN = re.compile(r"\.db(-wal|-shm|-journal)?$")
_RUNS = re.compile(r"/chatdaddy-pulumi-[^/]*/")


@dataclass(frozen=True)
class Leak:
    """A secret, and the place where it was found."""

    secret: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} in {self.place}"


def forms(secret: str) -> Iterator[bytes]:
    """The secret itself and in common encodings, at any position in an encoded text."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield raw.hex().encode()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # Omit the first and last characters, which depend on the neighbouring text.
        yield encoded[(shift * 8 + 5) // 6 : len(encoded) // 4 * 4 - 4]


def in_bytes(content: bytes, place: str, secrets: dict[str, str]) -> list[Leak]:
    found = [
        Leak(name, place)
        for name, secret in secrets.items()
        if any(form in content for form in forms(secret))
    ]
    if _JWT.search(content):
        found.append(Leak("an access token", place))
    return found


def in_files(folders: Iterable[Path], secrets: dict[str, str] | None = None) -> list[Leak]:
    """Every secret in every file of a folder, without the emulated service's own database."""
    found: list[Leak] = []
    for folder in folders:
        for directory, _, names in os.walk(folder):
            for name in names:
                path = Path(directory, name)
                own = _THE_SERVICES_OWN.search(name) and not is_run_file(path)
                if not path.is_file() or own:
                    continue
                found += in_bytes(path.name.encode(), str(path), secrets or SECRETS)
                found += in_bytes(path.read_bytes(), str(path), secrets or SECRETS)
    return found


def is_run_file(path: Path) -> bool:
    """Whether the file is a run file."""
    return _RUNS.search(str(path)) is not None


# --- hooks for tests/conftest.py

_in_reports: list[Leak] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search what a test printed and logged, and its failure report."""
    for title, text in report.sections:
        _in_reports.extend(in_bytes(text.encode(), f"{report.nodeid}, {title}", SECRETS))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The search itself: in the process that all results come to."""
    if hasattr(session.config, "workerinput"):
        return
    factory = getattr(session.config, "_tmp_path_factory", None)
    folders = [factory.getbasetemp()] if factory is not None else []
    leaks = [*_in_reports, *in_files(folders)]
    if leaks:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.section("secrets found in what the tests produced", red=True)
            for leak in leaks:
                reporter.line(str(leak))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
