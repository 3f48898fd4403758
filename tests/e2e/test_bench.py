"""The bench measures, and renders the results into pages and plots."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.contenders import OPERATIONS

ROOT = Path(__file__).parents[2]


def bench(output: Path, *asked: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, str]]]:
    """Measure and render. Return the results, and the tables that are new, by page."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", *asked, "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = list(map(json.loads, (output / "bench" / "results.jsonl").read_text().splitlines()))
    made = f"Measured at {rows[0]['run']}"
    pages = {page: rendered(output / page) for page in ("README.md", "docs/measurements.md")}
    # Tables that were not measured stay as in the project.
    return rows, {
        page: {name: text for name, text in tables.items() if made in text}
        for page, tables in pages.items()
    }


@pytest.mark.slow
def test_it_makes_the_tables_that_are_asked_for(tmp_path: Path) -> None:
    _, new = bench(tmp_path, "--only", "client", "files", "emulator")
    assert new["README.md"] == {}
    assert new["docs/measurements.md"].keys() == {"client", "files", "emulator"}


@pytest.mark.slow
@pytest.mark.stories
def test_it_makes_each_table_and_plot(tmp_path: Path) -> None:
    # Another contender takes time, and some are part of the criteria.
    rows, new = bench(tmp_path, "--engine", "stand-in", "--contenders", "fleet")
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
