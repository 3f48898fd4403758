"""Programs under `pulumi.runtime.set_mocks`: resources have their outputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

PROGRAM = """
import asyncio
import json
import pulumi

made = []


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        made.append(args.inputs)
        return args.name, {**args.inputs, "cost": {"purchase": 1.0}}

    def call(self, args):
        return {}


asyncio.set_event_loop(asyncio.new_event_loop())
pulumi.runtime.set_mocks(Mocks())
from chatdaddy_pulumi import Account, AccountFleet, Provider


@pulumi.runtime.test
def check():
"""


def _said(test: str) -> str:
    """The output of a test, run in its own process, since mocks apply to the whole process."""
    program = PROGRAM + indent(test, "    ") + "\n\ncheck()\n"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fleet_has_its_outputs_under_mocks() -> None:
    said = _said(
        """
entries = {"a": {"nickname": "A"}, "b": None}
fleet = AccountFleet("shops", entries, defaults={"tier": "unlimited"})
outputs = pulumi.Output.all(fleet.account_ids, fleet.accounts, fleet.counts, fleet.failed)
return outputs.apply(lambda known: print(json.dumps(known)))
"""
    )
    assert '{"a": "acc-shops-a", "b": "acc-shops-b"}' in said
    assert '"nickname": "A"' in said
    assert '{"total": 2, "tier": {"unlimited": 2}, "state": {"close": 2}}, {}' in said


def test_an_account_has_its_outputs_under_mocks() -> None:
    said = _said(
        """
alice = Account("alice", settings={"geoLocation": "HK"})
outputs = pulumi.Output.all(alice.nickname, alice.settings, alice.cost, alice.user_id)
return outputs.apply(lambda known: print(json.dumps(known)))
"""
    )
    assert said == '["alice", {"geoLocation": "HK"}, {"purchase": 1.0}, null]\n'


def test_a_provider_takes_the_other_settings_from_the_stack() -> None:
    """The README names them all, except for the team and its token."""
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    table = re.findall(r"^\| (`chatdaddy:.*?) \|", readme, re.MULTILINE)
    names = set(re.findall(r"`(?:chatdaddy:)?(\w+)`", " ".join(table)))
    others = names - {"teamId", "refreshToken", "apiToken"}
    assert len(others) > 8
    said = _said(
        f"""
pulumi.runtime.set_all_config({{f"chatdaddy:{{name}}": name for name in {sorted(others)}}})
team = Provider("team-b", team_id="team-b", refresh_token="token")
return team.urn.apply(lambda _: print(json.dumps(made[-1])))
"""
    )
    assert {name: json.loads(said).get(name) for name in others} == {name: name for name in others}


def test_wrong_arguments_get_one_clear_line() -> None:
    """The engine shows a `RunError` without a traceback."""
    said = _said(
        """
from chatdaddy_pulumi import load_fleet
for make in (
    lambda: Account(5),
    lambda: Account(""),
    lambda: AccountFleet(None, {}),
    lambda: AccountFleet("f", {7: {}, "b": {}, None: {}}),
    lambda: AccountFleet("f", [1]),
    lambda: load_fleet(None),
    lambda: load_fleet(pulumi.Output.from_input("fleet.yaml")),
):
    try:
        make()
    except pulumi.RunError as error:
        print(error)
"""
    )
    assert said.splitlines() == [
        "Account: the name is 5, but must be a text, not empty",
        "Account: the name is '', but must be a text, not empty",
        "AccountFleet: the name is None, but must be a text, not empty",
        "AccountFleet 'f': the keys of accounts must be texts, not 7, None",
        "AccountFleet 'f': accounts is a list, but must be a mapping from keys (text) to "
        "arguments, such as {'alice': {'tier': 'limited'}}",
        "load_fleet: the path is of type NoneType, but must be a text or a path. An output is not "
        "known when the program runs",
        "load_fleet: the path is of type Output, but must be a text or a path. An output is not "
        "known when the program runs",
    ]
