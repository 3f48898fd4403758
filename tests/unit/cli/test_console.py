"""The output of the commands."""

from __future__ import annotations

import json

import pytest

from chatdaddy_pulumi.cli.console import ago, fail, note, print_csv, print_json

HOSTILE = {
    "colour": "a\x1b[31mb",
    "C1 control": "a\x9b31mb",
    "backwards": "a\u202eb",
    "invisible": "a\u200bb",
    "line separator": "a\u2028b",
    "return": "a\rb",
    "newline": "a\nb",
    "bell": "a\x07b",
    "half a character": "a\ud800b",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_errors_and_notes_do_not_control_the_terminal(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(HOSTILE[case])
    note(HOSTILE[case])
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))


@pytest.mark.parametrize("case", HOSTILE)
def test_json_is_safe_and_exact(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE[case]})
    out = capsys.readouterr().out
    assert "".join(out.split("\n")).isprintable()
    assert json.loads(out)["text"] == HOSTILE[case]


def test_csv_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(["a", "b"], [["x\x1b[0m", 'say "hi", 2']])
    assert capsys.readouterr().out == 'a,b\nx\\x1b[0m,"say ""hi"", 2"\n'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (7_300, "2h"), (90_000, "1d"), (4e7, "1y")],
)
def test_ages(seconds: float, shown: str) -> None:
    assert ago(seconds) == shown
