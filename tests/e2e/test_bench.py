"""The bench measures, and renders the results into pages and plots."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.contenders import OPERATIONS

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_it_makes_each_table_and_plot(tmp_path: Path) -> None:
    # Another contender takes time, and some are part of the criteria.
    asked = ["--quick", "--engine", "stand-in", "--contenders", "fleet"]
    done = subprocess.run(
        [sys.executable, "-m", "bench", *asked, "--output", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    rows = list(map(json.loads, (tmp_path / "bench" / "results.jsonl").read_text().splitlines()))
    made = f"Measured at {rows[0]['run']}"
    pages = {page: rendered(tmp_path / page) for page in ("README.md", "docs/measurements.md")}
    # Tables that were not measured stay as in the project.
    new = {
        page: {name: text for name, text in tables.items() if made in text}
        for page, tables in pages.items()
    }
    assert new["README.md"].keys() == {"summary"}
    assert new["docs/measurements.md"].keys() == {
        *("contenders:stand-in", "criteria", "client", "files", "emulator")
    }
    head = "| 100 accounts | `AccountFleet` |"
    assert new["README.md"]["summary"].startswith(head)
    for operation in OPERATIONS:
        line = f"| 100 | {operation} | `AccountFleet` |"
        assert line in new["docs/measurements.md"]["contenders:stand-in"]

    plots = {path.name: path for path in (tmp_path / "docs" / "plots").iterdir()}
    assert plots.keys() == {f"{what}-stand-in.svg" for what in ("time", "calls", "memory")}
    assert all("AccountFleet" in plot.read_text() for plot in plots.values())
    for page, tables in new.items():
        for picture in re.findall(r"!\[.*\]\((.*)\)", "".join(tables.values())):
            assert (tmp_path / page).parent.joinpath(picture).exists()

    bought = [row["values"]["calls"] for row in rows if row["subject"].get("operation") == "up"]
    assert bought == [101]


def rendered(page: Path) -> dict[str, str]:
    """The text between the markers of a page."""
    found = re.findall(
        r"<!-- bench:(\S+) -->\n(.*?)<!-- bench:end -->", page.read_text(), re.DOTALL
    )
    return dict(found)
