"""Make `.venv-lowest/`, with the oldest dependencies that pyproject.toml allows.

`make lowest` and `make check` run tests there, to prove the lower bounds. The test tools are the
newest versions that work with these dependencies.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from setup import LOCAL, LOCK, ROOT, run

VENV = ROOT / ".venv-lowest"
STAMP = VENV / ".ready"
LOWEST = VENV / "requirements.txt"
UV = ROOT / ".venv" / "bin" / "uv"
PYTHON = VENV / "bin" / "python"
PROJECTS = [folder / "pyproject.toml" for folder in LOCAL]


def main() -> None:
    python = os.environ.get("PYTHON") or sys.executable
    parts = [python, sys.version, Path(__file__).read_text(), LOCK.read_text()]
    wanted = "\0".join([*parts, *(project.read_text() for project in PROJECTS)])
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return
    print("lowest: making .venv-lowest", flush=True)
    run(UV, "venv", "--quiet", "--clear", "--python", python, VENV)
    run(
        *(UV, "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--extra", "sandbox"),
        *("--no-emit-package", "chatdaddy-sandbox", "--no-emit-package", "pulumi-standin"),
        *("--python", PYTHON, "--output-file", LOWEST, *PROJECTS),
    )
    editable = [part for folder in LOCAL for part in ("--editable", folder)]
    run(
        *(UV, "pip", "install", "--quiet", "--python", PYTHON, "--constraint", LOWEST),
        *("--group", f"{ROOT / 'pyproject.toml'}:dev", *editable),
    )
    STAMP.write_text(digest)


if __name__ == "__main__":
    main()
