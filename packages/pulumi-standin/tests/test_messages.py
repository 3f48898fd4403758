"""What a run tells people: messages, progress, differences, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import toys

MARK = "the-mark-of-the-stack"


@pytest.mark.slow
def test_messages_progress_and_differences(tmp_path: Path) -> None:
    stack = toys("stand-in", tmp_path, "talk", secrets={"toys:mark": MARK})
    output = stack.up("--skip-preview").ok().output
    said = output.partition("Diagnostics:")[2]
    for line in (
        "printed with [secret]",
        "an information",
        "warning: a warning",
        "a remark from the provider",
        "pulumi-python:dynamic/toys:Toy (talker):\n    on a toy",
    ):
        assert line in said
    assert "1/2 done" in output
    assert "1/2 done" not in said
    changed = stack.preview("--diff", "-c", "toys:stage=2").ok().output
    for line in (
        "~ pulumi-python:dynamic/toys:Toy: (update)",
        '  - stale: "old"',
        '  + fresh: [1, "two"]',
        "      ~ changes: 1 => 2",
        "      ~ secret : [secret] => [secret]",
        "    ~ 1 to update",
    ):
        assert line in changed
    assert "__provider" not in changed
    assert "same" not in changed.partition("Resources:")[0]
    assert MARK not in output + changed
    assert "hush" not in output + changed + str(stack.state())
