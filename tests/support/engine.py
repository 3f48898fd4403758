"""A project folder and a stack of it, operated by the command of either engine.

Tests that use `Stack` run on both. `ENGINES` are the engines of this machine:

    @pytest.mark.parametrize("engine", ENGINES)
    def test_buys_one(engine, tmp_path): ...
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal

import pytest
import yaml

from pulumi_standin.crypter import Crypter
from tests.support import warm
from tests.support.warm import PASSPHRASE, SALT

Engine = Literal["stand-in", "pulumi"]

PULUMI = shutil.which("pulumi")

_STAND_IN = pytest.param("stand-in", id="stand-in")
_REAL = [
    pytest.mark.real_engine,
    pytest.mark.skipif(PULUMI is None, reason="`pulumi` is not on PATH"),
]

# For `pytest.mark.parametrize("engine", ENGINES)`: `make test` has the stand-in's part, and
# `make stories` the real engine's.
ENGINES = [
    _STAND_IN,
    pytest.param("pulumi", id="pulumi", marks=[*_REAL, pytest.mark.stories]),
]

#: The real engine if it is on PATH, otherwise the stand-in.
BEST_ENGINE = [pytest.param("pulumi", id="pulumi", marks=_REAL)] if PULUMI else [_STAND_IN]

#: Part of the command line of a provider host, with either engine.
HOST = re.compile(rb"pulumi\.dynamic|child\.py\0host")


def processes_in(folder: Path) -> dict[int, bytes]:
    """The command lines of the processes that run in that folder, by process ID."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found[int(process.name)] = (process / "cmdline").read_bytes()
        except OSError:
            continue
    return found


@dataclass
class Run:
    """The result of a command."""

    exit_code: int
    output: str  # stdout, then stderr

    def ok(self) -> Run:
        """Return the result. Fail the test if the command failed."""
        assert self.exit_code == 0, self.output
        return self


@dataclass
class Stack:
    """One project folder and one stack on one engine.

    `project` has a Pulumi.yaml with the runtime python. The project runs in place, so copy projects
    of
    the repository first. `workdir` is for the engine's files: states, and the home of the real
    engine.
    `env` is added to this process's environment.
    """

    project: Path
    engine: Engine
    workdir: Path
    config: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    name: str = "dev"
    timeout: float = 120
    #: The module of the stand-in's command, and its first arguments.
    stand_in: tuple[str, ...] = ("chatdaddy_pulumi.cli", "sandbox")
    #: Whether operations may take less processor time than they do for users. One that `start`
    #: starts never does: tests kill it, and look at its processes.
    shortcuts: bool = True

    def __post_init__(self) -> None:
        (self.workdir / "tmp").mkdir(parents=True, exist_ok=True)
        if self.engine == "pulumi":
            (self.workdir / "backend").mkdir(exist_ok=True)
            self._call("stack", "init", self.name, "--non-interactive").ok()
        elif self.shortcuts and not self._stack_file.exists():
            self._stack_file.write_text(f"encryptionsalt: {SALT}\n")
        self._set(self.config, self.secrets)

    # --- operations

    def preview(self, *args: str) -> Run:
        return self._call(*self._command("preview"), *args)

    def up(self, *args: str) -> Run:
        """`up --yes`. Add `--skip-preview` if the preview does not matter."""
        return self._call(*self._command("up"), "--yes", *args)

    def refresh(self, *args: str) -> Run:
        return self._call(*self._command("refresh"), "--yes", *args)

    def destroy(self, *args: str) -> Run:
        return self._call(*self._command("destroy"), "--yes", *args)

    def start(
        self, operation: str, *args: str, stdout: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start `up` or another command and return at once, for tests that interrupt or kill it.

        The process is the leader of its group. `kill` ends it like `kill -9`.
        """
        yes = () if operation == "preview" else ("--yes",)
        return subprocess.Popen(
            [*self._program(shortcuts=False), *self._command(operation), *yes, *args],
            cwd=self.project,
            env=self._env(shortcuts=False),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a started command like `kill -9`, and unlock the stack for the next one."""
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.unlock()

    def unlock(self) -> None:
        """`pulumi cancel`. The real engine's lock outlives its process.

        A killed engine may also leave an empty file beside the state, and then can't read the state
        any more ("failed to load checkpoint: EOF") until that file is removed.
        """
        if self.engine == "pulumi":
            for attributes in self.workdir.glob(f"backend/.pulumi/stacks/*/{self.name}.json.attrs"):
                if not attributes.stat().st_size:
                    attributes.unlink()
            self._call("cancel", "--yes", "--stack", self.name)

    # --- outputs and state

    def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs."""
        flags = ["--json", "--show-secrets"] if show_secrets else ["--json"]
        if self.engine == "pulumi":
            run = self._call("stack", "output", "--stack", self.name, *flags, stderr=False)
        else:
            run = self._call(*self._command("outputs"), *flags, stderr=False)
        return dict(json.loads(run.ok().output))

    def state(self) -> dict[str, Any]:
        """The deployment, as in `pulumi stack export`: `resources`, `pending_operations` …"""
        if self.engine == "pulumi":
            stacks = self.workdir / "backend" / ".pulumi" / "stacks"
            (path,) = stacks.glob(f"*/{self.name}.json")
            return dict(json.loads(path.read_text())["checkpoint"].get("latest") or {})
        path = self.workdir / "states" / f"{self.name}.json"
        return dict(json.loads(path.read_text())["deployment"]) if path.exists() else {}

    def import_state(self, deployment: dict[str, Any]) -> None:
        """`pulumi stack import`: replace the state by an exported one, of this or another
        version.
        """
        exported = json.dumps({"version": 3, "deployment": deployment})
        if self.engine == "pulumi":
            file = self.workdir / "import.json"
            file.write_text(exported)
            self._call("stack", "import", "--stack", self.name, "--file", str(file)).ok()
            return
        path = self.workdir / "states" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(exported)

    def resources(self, type_: str = "") -> list[dict[str, Any]]:
        """The resources in the state, or those of one type."""
        found = self.state().get("resources", [])
        return [r for r in found if r["type"] == type_ or not type_]

    def set_config(self, key: str, value: str, *, secret: bool = False) -> None:
        self._set({} if secret else {key: value}, {key: value} if secret else {})

    def remove_config(self, key: str) -> None:
        given = yaml.safe_load(self._stack_file.read_text())
        del given["config"][key]
        self._stack_file.write_text(yaml.safe_dump(given))

    def run_pulumi(self, *args: str) -> Run:
        """Any other command of the real engine, with this stack's environment."""
        assert self.engine == "pulumi"
        return self._call(*args)

    # --- processes

    @property
    def _stack_file(self) -> Path:
        return self.project / f"Pulumi.{self.name}.yaml"

    def _set(self, values: dict[str, str], secrets: dict[str, str]) -> None:
        if not values and not secrets:
            return
        if self.engine == "pulumi":
            plain = [part for key in values for part in ("--plaintext", f"{key}={values[key]}")]
            hidden = [part for key in secrets for part in ("--secret", f"{key}={secrets[key]}")]
            self._call("config", "set-all", "--stack", self.name, *plain, *hidden).ok()
            return
        from pulumi_standin import project as projects
        from pulumi_standin import stack_config

        project = projects.load(self.project)
        crypter = None
        if secrets:
            salt = stack_config.stack_salt(project, self.name)
            crypter = _crypter(salt) if salt else Crypter.new(PASSPHRASE)
        stack_config.set_config(project, self.name, values, secrets, crypter)

    def _program(self, *, shortcuts: bool) -> list[str]:
        # Python takes a program that is rewritten within a second for the compiled one.
        shutil.rmtree(self.project / "__pycache__", ignore_errors=True)
        if self.engine == "pulumi":
            assert PULUMI is not None
            return [PULUMI]
        return [warm.python() if shortcuts else sys.executable, "-m", self.stand_in[0]]

    def _command(self, operation: str) -> list[str]:
        if self.engine == "pulumi":
            return [operation, "--stack", self.name, "--non-interactive", "--color", "never"]
        states = str(self.workdir / "states")
        return [*self.stand_in[1:], operation, "--stack", self.name, "--state-dir", states]

    def _env(self, *, shortcuts: bool) -> dict[str, str]:
        return {
            **engine_env(self.workdir),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            # Ports of engines recur, and hosts find the run files of this folder by port.
            "TMPDIR": str(self.workdir / "tmp"),
            **(_shortcuts() if self.engine == "pulumi" and shortcuts else {}),
            **self.env,
        }

    def _call(self, *arguments: str, stderr: bool = True) -> Run:
        done = subprocess.run(
            [*self._program(shortcuts=self.shortcuts), *arguments],
            cwd=self.project,
            env=self._env(shortcuts=self.shortcuts),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.timeout,
            check=False,
        )
        failed = done.returncode != 0
        return Run(done.returncode, done.stdout + (done.stderr if stderr or failed else ""))


_NO_SEARCH = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"


def engine_env(workdir: Path) -> dict[str, str]:
    """This process's environment, with what the real engine needs to keep its files in `workdir`.

    Its states are in the folder `backend`, which must be there.
    """
    env = {
        **os.environ,
        # The real engine uses the first python3 on PATH for the program and the providers.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Nothing is looked for on the internet: all plugins are there.
        _NO_SEARCH: os.environ.get(_NO_SEARCH, "true"),
        "PULUMI_HOME": str(workdir / "home"),
        "PULUMI_BACKEND_URL": f"file://{workdir / 'backend'}",
    }
    env.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
    return env


@cache
def _crypter(salt: str) -> Crypter:
    return Crypter.open(PASSPHRASE, salt)


def _shortcuts() -> dict[str, str]:
    """Settings with which the real engine takes less time, and does the same."""
    return {"PULUMI_PYTHON_CMD": warm.python(), "GOGC": "400"}


def copy_project(source: Path, target: Path) -> Path:
    """Copy a project of the repository, so that a test may run it. Return the copy."""
    shutil.copytree(
        source, target, ignore=shutil.ignore_patterns(".sandbox", "Pulumi.*.yaml", "__pycache__")
    )
    return target


def write_project(folder: Path, program: str, name: str = "") -> Path:
    """Write a project with one `__main__.py`. Return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    name = name or f"test-{uuid.uuid4().hex[:8]}"
    (folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime:\n  name: python\n")
    (folder / "__main__.py").write_text(program)
    return folder
