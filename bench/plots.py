"""Draw plots of results: `python -m bench.plots RESULTS FOLDER`.

Requires Matplotlib (the dependency group `bench`). The same results make identical files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from bench.contenders import CONTENDERS, ENGINES, OPERATIONS, PULUMIS, TERRAFORMS
from bench.results import Results, Row
from bench.tables import grouped, median

COLORS = {
    "fleet": "tab:blue",
    "account": "tab:green",
    "urllib": "tab:orange",
    "httpx": "tab:red",
    "restapi": "tab:purple",
}
LEAST: dict[str, Any] = {"color": "0.4", "linestyle": "--", "linewidth": 1}


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Draw three plots for each Pulumi engine. Each includes Terraform's figures."""
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9})
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for row in rows if row.table == "contenders"]
    for engine in PULUMIS:
        if not any(row.engine == engine for row in rows):
            continue
        shown = [row for row in rows if row.engine in (engine, *TERRAFORMS)]
        _operations(shown, engine, "seconds", "s", folder / f"time-{engine}.svg")
        _operations(shown, engine, "calls", "calls", folder / f"calls-{engine}.svg")
        _memory(shown, engine, folder / f"memory-{engine}.svg")


def _label(name: str, engine: str) -> str:
    shown = CONTENDERS[name].shown.replace("`", "")
    return f"{shown}, {ENGINES[engine]}" if engine in TERRAFORMS else shown


def _lines(rows: Sequence[Row], axes: Axes, value: Callable[[list[Row]], float]) -> None:
    """Draw a line for each contender."""
    lines: dict[tuple[str, str], dict[int, float]] = {}
    for rounds in grouped(rows):
        row = rounds[0]
        points = lines.setdefault((row.subject["contender"], row.engine), {})
        size = row.subject["size"]
        points[size] = max(value(rounds), points.get(size, 0))
    order = list(CONTENDERS)
    for (name, engine), points in sorted(lines.items(), key=lambda one: order.index(one[0][0])):
        style = ":" if engine == "tofu" else "-"
        axes.plot(
            sorted(points),
            [points[size] for size in sorted(points)],
            color=COLORS[name],
            linestyle=style,
            marker="o",
            markersize=3,
            label=_label(name, engine),
        )


def _sizes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("accounts")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(alpha=0.3)


def _operations(rows: Sequence[Row], engine: str, value: str, unit: str, path: Path) -> None:
    """Draw a subplot for each operation."""
    figure, parts = pyplot.subplots(2, 4, figsize=(13, 6), sharex=True, layout="constrained")
    for axes in parts.flat[len(OPERATIONS) :]:
        axes.remove()
    for axes, operation in zip(parts.flat, OPERATIONS, strict=False):
        here = [row for row in rows if row.subject["operation"] == operation]
        _lines(here, axes, lambda rounds: median(rounds, value))
        if value == "seconds":
            axes.set_yscale("log")
            own = [row for row in here if row.engine == engine]
            least = {
                size: median([r for r in own if r.subject["size"] == size], "least_s")
                for size in sorted({row.subject["size"] for row in own})
            }
            axes.plot(
                list(least),
                list(least.values()),
                label=f"the least, with {ENGINES[engine]}",
                **LEAST,
            )
        else:
            axes.set_yscale("symlog", linthresh=1)
            axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        _sizes(axes)
        axes.set_title(operation)
        axes.set_ylabel(unit)
    _save(figure, parts.flat[0], f"With {ENGINES[engine]}", path)


def _memory(rows: Sequence[Row], engine: str, path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    _lines(rows, axes, lambda rounds: median(rounds, "host_mb"))
    _sizes(axes)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("MB")
    _save(figure, axes, f"The provider host's peak memory, with {ENGINES[engine]}", path)


def _save(figure: matplotlib.figure.Figure, one: Axes, title: str, path: Path) -> None:
    figure.suptitle(title)
    figure.legend(*one.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    draw(Results(Path(sys.argv[1])).rows(), Path(sys.argv[2]))
