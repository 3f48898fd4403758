"""Print how much of each package the last run with `--cov` has executed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).parents[1]


def main() -> None:
    measured = Coverage()
    measured.load()
    statements, missing = Counter[str](), Counter[str]()
    for file in sorted(measured.get_data().measured_files()):
        _, lines, _, absent, _ = measured.analysis2(file)
        package = str(Path(file).parent.relative_to(ROOT)).removeprefix("packages/")
        for name in (package, "total"):
            statements[name] += len(lines)
            missing[name] += len(absent)
    print("Lines that the quick tests ran, without the processes that they started:")
    for name in sorted(statements, key=lambda name: (name == "total", name)):
        if all_ := statements[name]:
            print(f"  {name:<40} {all_:6,} {100 * (all_ - missing[name]) / all_:5.0f} %")


if __name__ == "__main__":
    main()
