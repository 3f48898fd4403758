"""Record the states that this version writes: `python -m tests.states.record VERSION`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.states.programs import PROGRAMS
from tests.support.engine import Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, running


def record(version: str) -> None:
    folder = Path(__file__).parent / version
    folder.mkdir(exist_ok=True)
    for name, program in PROGRAMS.items():
        kept = folder / f"{name}.json"
        if kept.exists():
            continue
        with tempfile.TemporaryDirectory() as work, running() as server:
            stack = Stack(
                write_project(Path(work) / "project", program, "states"),
                engine="pulumi",
                config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url},
                secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
                workdir=Path(work),
            )
            stack.up("--skip-preview").ok()
            deployment = stack.state()
            for resource in deployment["resources"]:
                for machine in ("sourcePosition", "stackTrace"):
                    resource.pop(machine, None)
            text = json.dumps(deployment, indent=2).replace(server.url, "@BASE_URL@")
            for number, account in enumerate(server.accounts()):
                text = text.replace(account["accountId"], f"@ACCOUNT_ID_{number}@")
            kept.write_text(text + "\n")


if __name__ == "__main__":
    record(sys.argv[1])
