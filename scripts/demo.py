"""A demonstration: a stack buys an account, moves it to another tier and removes it.

`make demo` runs it. ChatDaddy is emulated on this machine. The engine is `pulumi` if it is on
PATH, otherwise the stand-in engine of this repository. Nothing is kept.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "chatdaddy_pulumi.cli"]
TEAM_ID = "team-of-the-demonstration"
REFRESH_TOKEN = "a-refresh-token-for-the-demonstration"

console = Console(highlight=False)


@contextmanager
def emulated() -> Iterator[httpx.Client]:
    """Run the emulated ChatDaddy in its own process."""
    server = subprocess.Popen(
        [
            *(*COMMAND, "sandbox", "serve", "--port", "0"),
            *("--team-id", TEAM_ID, "--refresh-token", REFRESH_TOKEN),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        line = next((said for said in server.stdout if "listening on" in said), "")
        if not line:
            sys.exit("demo: the emulated ChatDaddy did not start; see its output above")
        with httpx.Client(base_url=line.split()[-1], trust_env=False) as http:
            yield http
    finally:
        server.terminate()
        server.wait(timeout=20)


class Engine:
    """`pulumi` or the stand-in, with the same commands on the same project."""

    def __init__(self, project: Path, base_url: str) -> None:
        self.project = project
        self.real = shutil.which("pulumi") is not None
        self.env = {
            **os.environ,
            "CHATDADDY_TEAM_ID": TEAM_ID,
            "CHATDADDY_REFRESH_TOKEN": REFRESH_TOKEN,
            "CHATDADDY_BASE_URL": base_url,
            "PULUMI_CONFIG_PASSPHRASE": "demonstration",
            "PULUMI_BACKEND_URL": f"file://{project / '.state'}",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if self.real:
            (project / ".state").mkdir()
            self._run(["pulumi", "stack", "init", "demo", "--non-interactive"], quiet=True)

    def run(self, *words: str) -> None:
        shown = "pulumi" if self.real else "chatdaddy-pulumi sandbox"
        console.print(f"\n[bold]$ {shown} {' '.join(words)}[/bold]")
        if self.real:
            self._run(["pulumi", *words, "--stack", "demo", "--non-interactive"])
        else:
            self._run([*COMMAND, "sandbox", *words, "--stack", "demo"])

    def outputs(self) -> None:
        if self.real:
            console.print("\n[bold]$ pulumi stack output[/bold]")
            self._run(["pulumi", "stack", "output", "--stack", "demo"])
        else:
            self.run("outputs")

    def _run(self, command: list[str], *, quiet: bool = False) -> None:
        done = subprocess.run(
            command, cwd=self.project, env=self.env, check=False, capture_output=quiet
        )
        if done.returncode:
            sys.exit(f"demo: `{' '.join(command)}` ended with {done.returncode}")


def quickstart(folder: Path) -> Path:
    """Copy the quickstart, so that the stack's files stay out of the repository."""
    project = folder / "quickstart"
    project.mkdir()
    shutil.copy(ROOT / "examples" / "quickstart" / "__main__.py", project)
    settings = (
        (ROOT / "Pulumi.yaml").read_text().replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")
    )
    (project / "Pulumi.yaml").write_text(settings.partition("main:")[0])
    return project


def show_cost(http: httpx.Client, step: str) -> None:
    """Print the calls that the step made, and what ChatDaddy has charged so far."""
    calls: dict[str, Any] = http.get("/_sandbox/requests").json()["totals"]
    http.delete("/_sandbox/requests")
    cents = sum(int(entry["cents"]) for entry in http.get("/_sandbox/ledger").json()["entries"])
    table = Table(title=f"Calls to ChatDaddy for {step}", title_justify="left")
    table.add_column("call")
    table.add_column("times", justify="right")
    for call, times in sorted(calls.items()):
        table.add_row(call, str(times))
    table.add_section()
    table.add_row("charged since the start", f"{cents / 100:.2f} USD")
    console.print(table)


NEXT = """\
The same program with a team of yours, in this folder. Each account that `up` creates is charged.
Find the team ID and the refresh token at https://app.chatdaddy.tech/settings/api

  pulumi stack init dev
  pulumi config set chatdaddy:teamId YOUR-TEAM
  pulumi config set --secret chatdaddy:refreshToken   # asks for the token
  pulumi preview                                      # what it would do, and what that costs
  pulumi up

In a project of your own, install the package from its repository, since it is not on PyPI yet:

  pip install "chatdaddy-pulumi[cli] @ {source}"
"""


def source() -> str:
    """The package that pip installs: the repository that was cloned, or this folder."""
    try:
        asked = subprocess.run(
            ["git", "config", "--get", "remote.origin.url"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ROOT.as_uri()
    # A login in the address may be a token.
    url = re.sub(r"(?<=://)[^/]*@", "", asked.stdout.strip())
    return f"git+{url}" if "://" in url else ROOT.as_uri()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="chatdaddy-demo-") as folder, emulated() as http:
        engine = Engine(quickstart(Path(folder)), str(http.base_url).rstrip("/"))
        which = (
            f"the real Pulumi engine ({shutil.which('pulumi')})"
            if engine.real
            else "the stand-in engine of this repository (no `pulumi` is on PATH; "
            "`make pulumi` installs the official CLI)"
        )
        console.print(f"Engine: {which}\nChatDaddy: emulated on this machine; nothing is real")
        engine.run("preview")
        show_cost(http, "the preview")
        engine.run("up", "--yes", "--skip-preview")
        engine.outputs()
        show_cost(http, "the purchase")
        engine.run("up", "--yes", "--skip-preview", "-c", "chatdaddy-quickstart:tier=unlimited")
        show_cost(http, "the tier change")
        engine.run("destroy", "--yes", "--skip-preview")
        show_cost(http, "the removal")
    # Not in a panel, because its borders would be copied with the commands.
    console.rule("Next", align="left")
    console.print(NEXT.format(source=source()), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
