"""Programs under `pulumi.runtime.set_mocks`: a fleet has its outputs there."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import json
import pulumi


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return args.name, args.inputs

    def call(self, args):
        return {}


pulumi.runtime.set_mocks(Mocks())
from chatdaddy_pulumi import AccountFleet


@pulumi.runtime.test
def check():
    entries = {"a": {"nickname": "A"}, "b": None}
    fleet = AccountFleet("shops", entries, defaults={"tier": "unlimited"})
    said = pulumi.Output.all(fleet.account_ids, fleet.accounts, fleet.counts, fleet.failed)
    return said.apply(lambda known: print(json.dumps(known)))


check()
"""


def test_a_fleet_has_its_outputs_under_mocks() -> None:
    # In a process of its own: mocks are set for the whole process.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert '{"a": "acc-shops-a", "b": "acc-shops-b"}' in done.stdout
    assert '"nickname": "A"' in done.stdout
    assert '{"total": 2, "tier": {"unlimited": 2}, "state": {"close": 2}}, {}' in done.stdout
