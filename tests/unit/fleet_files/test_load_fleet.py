"""`load_fleet`: the values of each format, and every problem with its place."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi import load_fleet
from chatdaddy_pulumi.spec.files.reading import read_file


def load(folder: Path, name: str, content: str | bytes) -> dict[str, dict[str, Any]]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_fleet(path)


def problems(folder: Path, name: str, content: str | bytes) -> list[str]:
    """The message's lines without its title and the folder."""
    with pytest.raises(pulumi.RunError) as caught:
        load(folder, name, content)
    title, *lines = str(caught.value).split("\n")
    assert title.startswith(str(folder / name))
    return [line.strip().replace(f"{folder}/", "") for line in lines]


FLEET = {
    "alice": {},
    "bob": {"nickname": "Bob, the 2nd", "tier": "unlimited", "connect": True},
    "carol": {
        "settings": {"geoLocation": "HK", "enableStories": False, "maxMessageSync": 5},
        "assignees": ["u1", "u2"],
        "on_delete": "archive",
    },
}

AS_YAML = """\
accounts:
  alice:
  bob: {nickname: "Bob, the 2nd", tier: unlimited, connect: true}
  carol:
    settings: {geoLocation: HK, enableStories: false, maxMessageSync: 5}
    assignees: [u1, u2]
    on_delete: archive
"""

AS_CSV = """\
key,nickname,tier,connect,settings.geoLocation,settings.enableStories,settings.maxMessageSync,assignees,on_delete
alice,,,,,,,,
bob,"Bob, the 2nd",unlimited,TRUE,,,,,
carol,,,,HK,false,5,u1; u2,archive
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fleet.yaml", AS_YAML),
        ("fleet.yml", AS_YAML.replace("\n", "\r\n")),
        ("fleet.json", json.dumps({"accounts": FLEET, "$schema": "fleet.schema.json"})),
        ("bare.json", json.dumps(FLEET)),
        ("list.json", json.dumps([{"key": key, **rest} for key, rest in FLEET.items()])),
        ("fleet.csv", AS_CSV),
        ("excel.csv", b"\xef\xbb\xbf" + AS_CSV.replace("\n", "\r\n").encode()),
    ],
)
def test_every_format_gives_the_same_fleet(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert load(tmp_path, name, content) == FLEET


WORDS = st.text("abcdefgh \"',;:#{}[]&*!|>%@`-?0123456789éß漢\U0001f600", min_size=1, max_size=20)
TEXTS = WORDS.map(str.strip).filter(bool)
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "tier": st.sampled_from(["limited", "unlimited"]),
        "type": st.sampled_from(["wa", "mock", "sms"]),
        "connect": st.booleans(),
        "allow_history_loss": st.booleans(),
        "existing": st.sampled_from(["fail", "allow"]),
        "settings": st.fixed_dictionaries(
            {"geoLocation": TEXTS}, optional={"enableStories": st.booleans()}
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, ARGUMENTS, max_size=8))
def test_a_fleet_is_the_same_from_any_format(
    tmp_path_factory: pytest.TempPathFactory, fleet: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    names = ["key", "tier", "type", "connect", "allow_history_loss", "existing"]
    inner = ["geoLocation", "enableStories"]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow([*names, *(f"settings.{name}" for name in inner)])
    for key, own in fleet.items():
        said = {"key": key, **own}
        cells = [said.get(name, "") for name in names]
        writer.writerow([*cells, *(own.get("settings", {}).get(name, "") for name in inner)])
    assert load(folder, "a.json", json.dumps(fleet)) == fleet
    assert load(folder, "a.yaml", yaml.safe_dump({"accounts": fleet}, allow_unicode=True)) == fleet
    assert load(folder, "a.csv", table.getvalue()) == fleet


def test_every_problem_at_once_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "fleet.yaml",
        """\
accounts:
  alice: {tier: limitd}
  bob:
  alice:
    nickname: 5
    teir: unlimited
  no: {}
  carol: {nickname: bob}
  dave: {connect: yes, connect: no, adopt: x}
  __proto__:
""",
    )
    assert [line.split(" but must")[0] for line in found] == [
        "fleet.yaml:2:17: alice: tier is 'limitd',",
        "fleet.yaml:4:3: alice: the key is given twice; the first time in line 2",
        "fleet.yaml:5:15: alice: nickname is 5,",
        "fleet.yaml:6:11: alice: teir is not an argument of an account; did you mean 'tier'?",
        "fleet.yaml:7:3: the key 'no' reads as true or false; put quotes around it for a text",
        "fleet.yaml:8:21: carol: nickname 'bob' is the one of 'bob' in line 3 already; choose "
        "another one, or set existing to 'allow' in both",
        "fleet.yaml:9:24: 'connect' is given twice; the first time in line 9",
        "fleet.yaml:9:44: dave: adopt is 'x',",
        "fleet.yaml:10:3: __proto__: the key must not begin with '__'",
    ]


def test_json_names_the_same_places(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "fleet.json",
        '{"accounts": {"a": {"tier": "x"},\n  "a": {"settings": {"maxMessageSync": -1}},\n'
        '  "b": {"nickname": "a\\u0000"}}}',
    )
    assert [line.split(": ")[0] for line in found] == [
        "fleet.json:1:29",
        "fleet.json:2:3",
        "fleet.json:2:21",
        "fleet.json:3:21",
    ]


def test_what_yaml_reads_otherwise_does_not_hide_other_problems(tmp_path: Path) -> None:
    content = "yes: {}\n2024-01-01: {tier: gold}\n0b12: {on: 1}\n~: {}\n[a]: {}\n"
    found = problems(tmp_path, "fleet.yaml", content)
    assert [line.partition(", but")[0] for line in found] == [
        "fleet.yaml:1:1: the key 'yes' reads as true or false; put quotes around it for a text",
        "fleet.yaml:2:1: '2024-01-01' reads as a date; put quotes around it for a text",
        "fleet.yaml:2:20: 2024-01-01: tier is 'gold'",
        "fleet.yaml:3:8: the name 'on' reads as true or false; put quotes around it for a text",
        "fleet.yaml:4:1: the key '~' reads as nothing; put quotes around it for a text",
        "fleet.yaml:5:1: the key is a list",
    ]


def test_csv_names_row_and_cell(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "fleet.csv",
        'key,nickname,teir,connect\na,"x, y",,maybe\nb,a b,,\nc,a b,,\na,,,\ncut,o',
    )
    assert found == [
        "fleet.csv:1:14: the column 'teir' is not known; did you mean 'tier'?",
        "fleet.csv:2:11: a: connect is 'maybe', but must be true or false",
        "fleet.csv:4:3: c: nickname 'a b' is the one of 'b' in line 3 already; choose another "
        "one, or set existing to 'allow' in both",
        "fleet.csv:5:1: a: the key is given twice; the first time in line 2",
        "fleet.csv:6:1: has 2 cells, but the header has 4; was the file cut off here?",
    ]


HOSTILE: dict[str, tuple[str, str | bytes, str]] = {
    "empty yaml": ("a.yaml", "", ":1:1: is empty"),
    "empty json": ("a.json", " \n", ":1:1: is empty"),
    "empty csv": ("a.csv", "", ":1:1: is empty"),
    "null": ("a.yaml", "accounts:\n", "the accounts are empty"),
    "a text": ("a.json", '"alice"', "must be a mapping from keys"),
    "utf-16": ("a.csv", AS_CSV.encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "latin-1": ("a.csv", "key\nJosé\n".encode("latin-1"), ":2:4: byte 0xe9 is not UTF-8"),
    "nul": ("a.csv", b"key\na\0b\n", ":2:2: holds a NUL"),
    "bars": ("a.csv", "key|tier\na|limited\n", ":1:1: the header has no column 'key'; separate"),
    "open quote": ("a.csv", 'key,nickname\na,"b\nc,d\n', ":2:1: is not CSV: a quote is opened"),
    "two documents": ("a.yaml", "a:\n---\nb:\n", ":2:1: a second document"),
    "alias": ("a.yaml", "a: &x {tier: limited}\nb: *x\n", ":2:4: the alias *x"),
    "merge": ("a.yaml", "a: {<<: {tier: limited}}\n", ":1:5: merging"),
    "python tag": ("a.yaml", "a: !!python/object/apply:os.system [x]\n", ":1:4: the tag"),
    "date": ("a.yaml", "a: {nickname: 2024-01-01}\n", ":1:15: '2024-01-01' reads as a date"),
    "broken yaml": ("a.yaml", "a: {tier: limited\nb:\n", "is not YAML"),
    "tab": ("a.yaml", "a:\n\ttier: limited\n", ":2:1: use spaces: line 2 begins with a tab"),
    "cut json": ("a.json", '{"a": {"tier": "lim', ":1:16: is not JSON"),
    "nan": ("a.json", '{"a": {"settings": {"x": NaN}}}', ":1:26: NaN is not JSON"),
    "huge float": ("a.json", '{"a": {"settings": {"x": 1e999}}}', "must be a finite number"),
    "huge number": ("a.json", '{"a": {"settings": {"x": ' + "9" * 9999 + "}}}", "of that length"),
    "half a character": ("a.json", '{"a\\ud800": {}}', "control characters"),
    "escape in key": ("a.json", '{"a\\u001b[2J": {}}', "control characters"),
    "spaces": ("a.json", '{" a": {}}', "spaces around it"),
    "no key": ("a.json", '[{"tier": "limited"}]', "must be a mapping with one 'key'"),
    "beside accounts": ("a.json", '{"accounts": {}, "acounts": {}}', "is not known here"),
    "hidden in settings": ("a.json", '{"a": {"settings": {"__late": 0}}}', "begin with '__'"),
    "other ending": ("a.txt", "a:", "none of yaml, json and csv"),
    "deep json": ("a.json", "[" * 5_000_000, ":1:22: more than 20"),
    "deep yaml": ("a.yaml", "{" * 5_000_000, ":1:22: more than 20"),
    "long line": ("a.csv", "key," * 2_500_000, "a line of 10,000,000 characters"),
    "long value": ("a.yaml", "a: {tier: " + "x" * 10_000_000 + "}", "10,000,000 characters"),
    "too large": ("a.json", b" " * 20_000_001, "more than 20,000,000 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_malicious_files_end_in_one_short_line(tmp_path: Path, case: str) -> None:
    name, content, expected = HOSTILE[case]
    (found,) = problems(tmp_path, name, content)
    assert expected in found
    assert len(found) < 400
    assert found.isprintable()


def test_many_problems_are_counted(tmp_path: Path) -> None:
    rows = "".join(f"k{number},x\n" for number in range(5_000))
    found = problems(tmp_path, "a.csv", "key,tier\n" + rows)
    assert len(found) == 21
    assert found[-1] == "and 4,980 more"


@pytest.mark.parametrize("path", ["missing.csv", ".yaml", "a\0.csv"])
def test_an_unreadable_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".yaml").mkdir()
    with pytest.raises(pulumi.RunError, match=r"has a problem"):
        load_fleet(path, format="csv")


def test_programs_import_nothing_heavy_for_it() -> None:
    code = (
        "import sys; from chatdaddy_pulumi import load_fleet; "
        "assert not {'pydantic', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.yaml"])
@pytest.mark.slow
def test_fifty_thousand_entries(tmp_path: Path, name: str) -> None:
    fleet = {f"customer-{n}": {"tier": "unlimited", "nickname": f"C {n}"} for n in range(50_000)}
    if name == "a.csv":
        rows = (f"{key},{own['nickname']},{own['tier']}\n" for key, own in fleet.items())
        content = "key,nickname,tier\n" + "".join(rows)
    else:
        content = json.dumps(fleet, indent=1)
    assert load(tmp_path, name, content) == fleet


def problems_of(tmp_path: Path, name: str, text: str | bytes) -> list[str]:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [line.removeprefix(str(file)) for line in read_file(file)[1].lines()]


def test_csv_of_a_spreadsheet_with_semicolons(tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(
        '\ufeffkey;nickname;tier;assignees\r\na;"Acorn, Bakery";unlimited;"u1;u2"\r\nb;;;u3\r\n',
        newline="",
    )
    accounts, problems = read_file(file)
    assert not problems
    assert accounts == {
        "a": {"nickname": "Acorn, Bakery", "tier": "unlimited", "assignees": ["u1", "u2"]},
        "b": {"assignees": ["u3"]},
    }
    file.write_text("key;nickname;tier\na;Al;unlimted\n")
    assert read_file(file)[1].lines()[0].startswith(f"{file}:2:6: a: tier is 'unlimted'")


@pytest.mark.parametrize(
    ("name", "content"),
    [("fleet.xlsx", b"PK\x03\x04rest"), ("fleet.csv", b"PK\x03\x04rest"), ("fleet.ods", b"x")],
)
def test_a_spreadsheet_is_refused_with_how_to_save_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    assert problems_of(tmp_path, name, content) == [
        ":1:1: is a spreadsheet; save it as CSV UTF-8, and give that file"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [("a:\n  tier: limited\n\ttype: wa\n", "3:1"), ("accounts:\n  \ta: {}\n", "2:3")],
)
def test_a_tab_is_named_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    line = place[0]
    expected = [f":{place}: use spaces: line {line} begins with a tab"]
    assert problems_of(tmp_path, "fleet.yaml", text) == expected


def test_users_to_notify_are_a_list_of_ids(tmp_path: Path) -> None:
    (line,) = problems_of(tmp_path, "fleet.yaml", "a:\n  settings:\n    notifyUsers: True\n")
    assert line.endswith("notifyUsers is True, but must be a list of user IDs")
