"""Each contender as a project for an engine, and the cost of one operation."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from bench.contenders import Contender, Operation
from bench.processes import REFRESH_TOKEN, HostWatch, Server, summed
from tests.support.engine import Engine, Stack, write_project

Changed = Literal["", "one", "all"]
_CHANGED: dict[Operation, Changed] = {"one change": "one", "all changed": "all"}

PROGRAMS = Path(__file__).with_name("programs")


PROVIDER = "terraform-provider-restapi"


class Project(Protocol):
    def run(self, operation: Operation) -> None: ...

    def state_bytes(self) -> int: ...


class PulumiProject:
    """A stack of either engine. Without a contender it is empty."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        contender: Contender | None,
        accounts: int,
        server: Server,
        env: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._stack = Stack(
            write_project(
                folder,
                (PROGRAMS / contender.program).read_text() if contender else "",
                f"bench-{contender.name if contender else 'empty'}",
            ),
            engine,
            folder / "work",
            config={"chatdaddy:teamId": server.team_id, "chatdaddy:baseUrl": server.url},
            secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
            env={
                **dict(contender.env if contender else ()),
                **dict(env),
                "ACCOUNTS": str(accounts),
                "BENCH_PID": str(os.getpid()),
                "API_URL": server.url,
                "API_TEAM": server.team_id,
                "API_TOKEN": REFRESH_TOKEN,
                "CHANGED": "",
            },
            timeout=7200,
            # Use the stand-in's own command, since the project's command refuses serialised
            # providers.
            stand_in=("pulumi_standin",),
            shortcuts=False,
        )

    def run(self, operation: Operation) -> None:
        stack = self._stack
        stack.env["CHANGED"] = _CHANGED.get(operation, "")
        if operation == "unchanged preview":
            done = stack.preview("--expect-no-changes")
        elif operation == "refresh":
            done = stack.refresh("--skip-preview")
        elif operation == "destroy":
            done = stack.destroy("--skip-preview")
        elif operation == "unchanged up":
            done = stack.up("--skip-preview", "--expect-no-changes")
        else:
            done = stack.up("--skip-preview")
        if done.exit_code != 0:
            raise SystemExit(f"{operation} failed:\n{done.output}")

    def state_bytes(self) -> int:
        """The size of the state file in the backend."""
        if self._stack.engine == "pulumi":
            stacks = self._stack.workdir / "backend" / ".pulumi" / "stacks"
            (path,) = stacks.glob("*/dev.json")
        else:
            path = self._stack.workdir / "states" / "dev.json"
        return path.stat().st_size


def provider_folder() -> Path | None:
    """The folder of the REST provider on PATH."""
    found = shutil.which(PROVIDER)
    return Path(found).resolve().parent if found else None


class TerraformProject:
    """A Terraform or OpenTofu configuration, with the provider on PATH."""

    def __init__(
        self, tool: str, folder: Path, contender: Contender | None, accounts: int, server: Server
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._tool, self._folder = tool, folder
        (folder / "main.tf").write_text(
            (PROGRAMS / contender.program).read_text() if contender else ""
        )
        (folder / "cli.tfrc").write_text(
            "provider_installation {\n"
            f'  dev_overrides {{ "mastercard/restapi" = "{provider_folder()}" }}\n'
            "  direct {}\n}\n"
        )
        self._variables = (
            {"url": server.url, "token": "any", "accounts": str(accounts)} if contender else {}
        )
        self._env = {
            **os.environ,
            "BENCH_PID": str(os.getpid()),
            "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    def run(self, operation: Operation) -> None:
        arguments = {
            "unchanged preview": ["plan", "-detailed-exitcode"],
            "refresh": ["apply", "-auto-approve", "-refresh-only"],
            "destroy": ["destroy", "-auto-approve"],
        }.get(operation, ["apply", "-auto-approve"])
        variables = dict(self._variables)
        if variables:
            variables["changed"] = _CHANGED.get(operation, "")
        done = subprocess.run(
            [
                *(self._tool, *arguments, "-input=false", "-no-color"),
                *(f"-var={name}={value}" for name, value in variables.items()),
            ],
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=7200,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{operation} failed:\n{done.stdout}{done.stderr}")

    def state_bytes(self) -> int:
        return (self._folder / "terraform.tfstate").stat().st_size


@dataclass(frozen=True)
class Measured:
    seconds: float
    counts: dict[str, int]
    host_cpu_s: float
    host_mb: float

    @property
    def calls(self) -> int:
        """The number of calls that were not refused, without token calls."""
        return summed(self.counts, "tokens", "refused")


def measure(project: Project, operation: Operation, server: Server) -> Measured:
    server.forget()
    with HostWatch() as hosts:
        began = time.perf_counter()
        project.run(operation)
        seconds = time.perf_counter() - began
    return Measured(seconds, server.counts(), hosts.cpu_s, hosts.peak_mb)


def writes(counts: dict[str, int]) -> dict[str, int]:
    found = {name.split()[0]: count for name, count in counts.items() if " " in name}
    return {method: count for method, count in found.items() if method != "GET"}
