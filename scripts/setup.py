"""Make `.venv/` with everything that the project's commands need; `make setup` runs it.

Needs only Python 3.10 or later and a package index. Does nothing if the environment already
has what `requirements.lock` and the `pyproject.toml` files ask for.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".ready"
#: `pulumi` looks for the `virtualenv` of Pulumi.yaml in the folder that `main` names.
QUICKSTART_VENV = ROOT / "examples" / "quickstart" / ".venv"
#: The distributions of this repository.
LOCAL = (ROOT / "packages" / "chatdaddy-sandbox", ROOT / "packages" / "pulumi-standin", ROOT)


def wanted() -> str:
    """A digest of everything that determines the environment."""
    projects = [(folder / "pyproject.toml").read_text() for folder in LOCAL]
    parts = [sys.version, str(ROOT), LOCK.read_text(), *projects]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def run(*command: str | Path) -> None:
    env = {
        # uv does not use the system's certificates by default; pip does.
        "UV_SYSTEM_CERTS": "true",
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV": str(VENV),
    }
    done = subprocess.run([str(part) for part in command], cwd=ROOT, env=env, check=False)
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        sys.exit(f"setup: `{shown}` ended with {done.returncode}; see its output above")


def make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True
    )
    if made.returncode == 0:
        return
    if uv := shutil.which("uv"):
        run(uv, "venv", "--seed", "--python", sys.executable, VENV)
        return
    if shutil.which("virtualenv"):
        run("virtualenv", "--python", sys.executable, VENV)
        return
    sys.exit(
        "setup: this Python can't make virtual environments "
        f"({(made.stdout + made.stderr).strip().splitlines()[-1:] or 'no reason given'}): "
        "install its venv module (Debian: apt-get install python3-venv), or uv"
    )


def link_quickstart() -> None:
    """Link the environment, so that `pulumi up` works in the repository's root."""
    if not QUICKSTART_VENV.is_symlink() and not QUICKSTART_VENV.exists():
        QUICKSTART_VENV.symlink_to(Path("..", "..", ".venv"), target_is_directory=True)


def main() -> None:
    if sys.version_info < (3, 10):  # noqa: UP036 - older Pythons run this very line
        sys.exit(f"setup: Python 3.10 or later is needed; `{sys.executable}` is {sys.version}")
    link_quickstart()
    digest = wanted()
    if STAMP.exists() and STAMP.read_text() == digest:
        return
    print("setup: making .venv (a minute on the first run)", flush=True)
    make_venv()
    installer = re.search(r"^uv==.*?(?=^\S)", LOCK.read_text(), re.M | re.S)
    assert installer is not None
    (VENV / "installer.txt").write_text(installer[0])
    python = VENV / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps")
    run(*pip, "-r", VENV / "installer.txt")
    uv = VENV / "bin" / "uv"
    # Compile once here. A run starts several processes, and if Python may not write bytecode (as in
    # many containers), each would compile what it imports.
    compiled = ("--compile-bytecode", "--require-hashes", "--python", python)
    run(uv, "pip", "sync", "--quiet", *compiled, LOCK)
    run(
        *(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--python", python),
        *(part for folder in LOCAL for part in ("--editable", folder)),
    )
    STAMP.write_text(digest)
    print("setup: .venv is ready", flush=True)


if __name__ == "__main__":
    main()
