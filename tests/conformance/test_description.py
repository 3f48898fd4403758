"""schemathesis tests the emulator with its own OpenAPI description."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.sandbox import Sandbox

SEED = 20260821
EXAMPLES = 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phases", "without"),
    [
        # Well-formed data may be refused: rules such as "the account is archived" answer with 400,
        # as the guide says.
        ("examples,coverage", "positive_data_acceptance"),
        # A value of a wrong type may be valid once it is part of a query string.
        ("fuzzing,stateful", "positive_data_acceptance,negative_data_rejection"),
    ],
)
def test_every_answer_conforms_to_the_description(
    sandbox: Sandbox, tmp_path: Path, phases: str, without: str
) -> None:
    """No 5xx, no undescribed status, body or header. No answer without a token or after a
    deletion.
    """
    sandbox.buy("to be found")
    schemathesis = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            *(schemathesis, "run", f"{sandbox.url}/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {sandbox.token()}"),
            *("--phases", phases, "--exclude-checks", without, "--warnings", "off"),
            *("--max-examples", str(EXAMPLES), "--seed", str(SEED)),
            *("--generation-database", "none"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    told = sandbox.requests()["requests"]
    assert [call for call in told if call["status"] >= 500] == []
    paths = httpx.get(f"{sandbox.url}/openapi.json").raise_for_status().json()["paths"]
    operations = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert len(operations) > 10
    uncalled = {
        (method, path)
        for method, path in operations
        if not any(call["method"] == method and _matches(path, call["path"]) for call in told)
    }
    assert uncalled == set()


def _matches(template: str, path: str) -> bool:
    """`path` may have any value in place of the template's parameters."""
    pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, urlsplit(path).path) is not None
