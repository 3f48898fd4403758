"""schemathesis tests the emulator with its own OpenAPI description."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import Sandbox

SEED = 20260821
EXAMPLES = 5


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
    assert len(told) > 300
    assert [call for call in told if call["status"] >= 500] == []
