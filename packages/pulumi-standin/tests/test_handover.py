"""A stack with secrets moves from one engine to the other and back, and nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity import toys
from tests.support.engine import PULUMI, Stack


@pytest.mark.slow
@pytest.mark.real_engine
@pytest.mark.skipif(PULUMI is None, reason="`pulumi` is not on PATH")
def test_either_engine_continues_with_the_others_state(tmp_path: Path) -> None:
    secrets = {"toys:mark": "mark of the stack"}
    ours = toys("stand-in", tmp_path, "life", secrets=secrets, stage="1")
    ours.up("--skip-preview").ok()
    state = ours.workdir / "states" / "dev.json"

    theirs = Stack(ours.project, "pulumi", tmp_path / "theirs", env=ours.env)
    theirs.run_pulumi("stack", "import", "--stack", "dev", "--file", str(state)).ok()
    theirs.preview("--expect-no-changes").ok()
    theirs.up("--skip-preview", "-c", "toys:stage=2").ok()

    state.write_text(json.dumps({"version": 3, "deployment": theirs.state()}))
    ours.preview("--expect-no-changes").ok()
    assert ours.outputs(show_secrets=True)["secret"] == {"stage": 2}
