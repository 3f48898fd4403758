"""schemathesis, over the emulator's own description of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import Sandbox

SEED = 20260821
EXAMPLES = 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phases", "without"),
    [
        # That all well-formed data is accepted is not asked for: a rule such as "the account is
        # archived" refuses it with 400, as the guide has it.
        ("examples,coverage", "positive_data_acceptance"),
        # Random values of a wrong type look right once they are written into a query.
        ("fuzzing,stateful", "positive_data_acceptance,negative_data_rejection"),
    ],
)
def test_no_answer_is_outside_the_description(
    sandbox: Sandbox, tmp_path: Path, phases: str, without: str
) -> None:
    """No 5xx, no undescribed status, body or header; nothing without a token, or once deleted."""
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
