"""Record the calls of the real engine: `python -m tests.simulation.record [SEQUENCE …]`.

Requires `pulumi` on PATH. The tests compare the model of the engine with `recorded/`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.simulation.sequences import SEQUENCES, Command, Sequence
from tests.support.engine import engine_env

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"

_URN = "urn:pulumi:dev::toys::"

#: Provider hosts outlive a killed engine. One call of a toy takes 3 seconds at most.
_OUTLIVES_S = 4


class Recorder:
    """One stack of the toy project on the real engine."""

    def __init__(self, folder: Path) -> None:
        self._project = folder / "project"
        self._log = folder / "calls.jsonl"
        self._backend = folder / "backend"
        self._backend.mkdir()
        shutil.copytree(HERE / "project", self._project)
        shutil.copy(HERE / "toys.py", self._project / "toys.py")
        self._env = {**engine_env(folder), "TOYS_LOG": str(self._log)}
        self._run("stack", "init", "dev", "--non-interactive")

    def play(self, command: Command) -> dict[str, Any]:
        self._log.write_text("")
        (self._project / "program.json").write_text(json.dumps(command.program))
        self._run("config", "set", "toys:mark", command.mark, "--stack", "dev")
        self._env["TOYS_DRIFT"] = json.dumps(command.drift)
        flags = [_flag(flag) for flag in command.flags]
        yes = [] if command.operation == "preview" else ["--yes"]
        arguments = ["--stack", "dev", "--non-interactive", "--color", "never", "--parallel", "1"]
        line = ["pulumi", command.operation, *yes, *arguments, *flags]
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                line,
                cwd=self._project,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._strike(process, command)
            process.wait(120)
            output.seek(0)
            said = output.read()
        calls = self._calls()
        if command.kill:
            time.sleep(_OUTLIVES_S)  # wait for the hosts to finish
            self._run("cancel", "--yes", "--stack", "dev")
        if os.environ.get("SAY"):
            print(said)
        return {
            "command": " ".join([command.operation, *command.flags]),
            "ended": "killed" if command.kill else "well" if process.returncode == 0 else "badly",
            "calls": calls,
            **self._state(),
        }

    def _calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def _strike(self, process: subprocess.Popen[bytes], command: Command) -> None:
        """Kill or interrupt the engine during the operation."""
        moment = command.kill or command.interrupt
        if moment is None:
            return
        while process.poll() is None:
            if any((call["name"], call["call"]) == moment for call in self._calls()):
                break
            time.sleep(0.05)
        time.sleep(0.5)
        if command.kill:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGINT)

    def _state(self) -> dict[str, Any]:
        (path,) = (self._backend / ".pulumi" / "stacks").glob("*/dev.json")
        latest = json.loads(path.read_text())["checkpoint"].get("latest") or {}
        return {
            "resources": [
                kept
                for resource in latest.get("resources", [])
                if (kept := _resource(resource)) is not None
            ],
            "pending": [
                f"{operation['type']} {short(operation['resource']['urn'])}"
                for operation in latest.get("pending_operations", [])
            ],
        }

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            ["pulumi", *arguments],
            cwd=self._project,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )


def _flag(flag: str) -> str:
    name, _, value = flag.partition("=")
    if not value:
        return f"--{name}"
    parent, _, child = value.rpartition("/")
    inside = "toys:index:Box$" if parent else ""
    return f"--{name}={_URN}{inside}pulumi-python:dynamic/toys:Toy::{child}"


def short(urn: str) -> str:
    return urn.removeprefix(_URN).replace("pulumi-python:dynamic/", "").replace("::", " ")


def _plain(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if not key.startswith("__")}


def _resource(resource: dict[str, Any]) -> dict[str, Any] | None:
    if resource["type"] == "pulumi:pulumi:Stack":
        return None
    provider = resource.get("provider", "").split("::")
    kept: dict[str, Any] = {
        "resource": short(resource["urn"]),
        "inputs": _plain(resource.get("inputs", {})),
        "outputs": _plain(resource.get("outputs", {})),
        "provider": provider[3] if len(provider) > 3 else "",
        "after": sorted(short(urn) for urn in resource.get("dependencies", [])),
    }
    if "toys:Toy" in resource["urn"]:
        kept["id"] = resource["id"]
    flags = ("delete", "protect", "retainOnDelete", "pendingReplacement")
    return kept | {flag: True for flag in flags if resource.get(flag)}


def record(sequence: Sequence) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder))
        return [recorder.play(command) for command in sequence.commands]


def path_of(sequence: Sequence) -> Path:
    return RECORDED / f"{sequence.name.replace(' ', '_')}.json"


def _text(told: list[dict[str, Any]]) -> str:
    """As JSON with one line for each call and each resource, which makes diffs readable."""
    small = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
    parts = []
    for command in told:
        fields = []
        for key, value in command.items():
            if isinstance(value, list):
                lines = ",\n  ".join(small(one) for one in value)
                fields.append(f"{small(key)}:[\n  {lines}]" if value else f"{small(key)}:[]")
            else:
                fields.append(f"{small(key)}:{small(value)}")
        parts.append("{" + ",\n ".join(fields) + "}")
    return "[\n" + ",\n".join(parts) + "\n]\n"


def main(names: list[str]) -> None:
    RECORDED.mkdir(exist_ok=True)
    for sequence in SEQUENCES:
        if not names or sequence.name in names:
            began = time.monotonic()
            path_of(sequence).write_text(_text(record(sequence)))
            print(f"{sequence.name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
