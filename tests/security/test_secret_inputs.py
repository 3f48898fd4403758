"""Secrets of a program are nowhere in plaintext: neither in saved files nor in messages.

A marked word goes into every argument, in every position. Everything that both engines write and
print is searched for it.
"""

from __future__ import annotations

import html
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from chatdaddy_pulumi import Account, AccountFleet
from chatdaddy_pulumi.client.bridge import client_for
from chatdaddy_pulumi.client.nicknames import normal
from chatdaddy_pulumi.client.proxies import Proxy
from chatdaddy_pulumi.client.redact import one_line
from chatdaddy_pulumi.provider.host import Host as ProviderHost
from chatdaddy_pulumi.provider.masking import Masking
from chatdaddy_pulumi.provider.settings import Settings
from chatdaddy_pulumi.spec import rules
from chatdaddy_pulumi.spec.problem import Problem
from tests.support import leaks
from tests.support.engine import BEST_ENGINE, ENGINES, Run, Stack, write_project
from tests.support.host import Host, hosted
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

#: Part of every value that the programs make, and of no other text.
MARK = "qzmark"
MARKS = {"a secret input": MARK}

#: The mark comes from the environment, so that the program's own files do not contain it.
_HEAD = """\
import os
import pulumi
from chatdaddy_pulumi import Account, AccountFleet, Provider

STAGE = os.environ.get("STAGE", "1")

def word(name):
    return os.environ["MARK"] + "-" + name

def secret(value):
    return pulumi.Output.secret(value)

def hidden(name):
    return secret(word(name))

"""


def taken(resource: type) -> set[str]:
    """The arguments of a resource, except its name and its options."""
    return set(inspect.signature(resource.__init__).parameters) - {"self", "name", "opts"}


@pytest.fixture
def server() -> Iterator[Sandbox]:
    """A team for one test, because its accounts are counted."""
    with running() as own:
        yield own


def stack_of(server: Sandbox, folder: Path, engine: str, program: str, **env: str) -> Stack:
    for name in ("tmp", "home"):
        (folder / name).mkdir()
    return Stack(
        write_project(folder / "project", _HEAD + program, "secret-inputs"),
        engine=engine,  # type: ignore[arg-type]
        workdir=folder / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        env={
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder / "home"),
            "MARK": MARK,
            **env,
        },
    )


class Searched:
    """Runs a stack's operations, and searches the output and the files of each."""

    def __init__(self, stack: Stack, *, all_secret: bool = False) -> None:
        """With `all_secret`, each resource of ours has a secret."""
        self._stack, self._all_secret = stack, all_secret
        self.found: list[str] = []
        self.said = ""

    def does(self, title: str, run: Run) -> Run:
        self.said += f"--- {title}\n{run.output}\n"
        for line in run.output.splitlines():
            if MARK in line:
                self.found.append(f"{title} prints: {line.strip()[:300]}")
        for leak in leaks.in_files([self._stack.workdir.parent], MARKS):
            # The program passes a run to its hosts in the run file, as SECURITY.md says.
            if not leaks.is_run_file(Path(leak.place)):
                self.found.append(f"{title} leaves it in {leak.place}")
        return run

    def state(self, title: str) -> None:
        """Name the state's properties that contain it, which is easier to read than a file."""
        for resource in self._stack.state().get("resources", []):
            for part in ("inputs", "outputs"):
                for name, value in (resource.get(part) or {}).items():
                    if MARK in json.dumps({name: value}):
                        self.found.append(f"{title}: {resource['urn']} {part}.{name}")
                    if self._all_secret and name in DIGESTS and isinstance(value, str):
                        self.found.append(f"{title}: a digest of {resource['urn']}, {part}.{name}")


#: The state's properties of entries. A digest would allow guesses.
DIGESTS = ("__said", "__settled")


#: Valid words in each argument that takes free text, in every position where a secret may stand.
RIGHT = """\
settings = {"geoLocation": word("geo"), "free": {"deep": [word("deep")]}}
one = Account(
    "one",
    nickname=hidden("nickname-" + STAGE),
    type=secret("wa"),
    tier=secret("limited"),
    settings=secret({**settings, "geoLocation": word("geo-" + STAGE)}),
    login_type=secret("instagram"),
    assignees=secret([word("assignee")]),
    on_delete=secret("delete_now"),
    existing=secret("allow"),
    connect=secret(False),
    allow_history_loss=secret(True),
)
part = Account(
    "part",
    nickname=pulumi.Output.concat("part-", hidden("part-" + STAGE)),
    settings={"geoLocation": hidden("part-geo-" + STAGE), "free": {"deep": [hidden("part-deep")]}},
    assignees=["somebody", hidden("part-assignee")],
)
entry = {"nickname": word("whole-" + STAGE), "settings": settings, "assignees": [word("whole-who")]}
whole = AccountFleet("whole", secret({word("key"): entry, word("key-" + STAGE): {}}))
entries = AccountFleet(
    "entries", {"a": secret({**entry, "nickname": word("entry-" + STAGE)}), "plain-1": {}}
)
values = AccountFleet(
    "values",
    {
        "a": {
            "nickname": hidden("value-" + STAGE),
            "tier": secret("limited"),
            "settings": {"geoLocation": hidden("value-geo-" + STAGE)},
            "assignees": [hidden("value-who")],
            "on_delete": secret("delete_now"),
        },
        "plain-2": {},
    },
)
defaults = AccountFleet(
    "defaults",
    {"d1": {}},
    defaults=secret({"settings": {"geoLocation": word("default-" + STAGE)}}),
    on_delete=secret("delete_now"),
    existing=secret("allow"),
    concurrency=secret(3),
)
within = AccountFleet(
    "within",
    {"d2": {}},
    defaults={
        "settings": {"geoLocation": hidden("within-" + STAGE)}, "assignees": [hidden("within-who")]
    },
)
for name, account in {"one": one, "part": part}.items():
    pulumi.export(name, {
        key: getattr(account, key)
        for key in ("account_id", "nickname", "tier", "state", "settings", "assignees", "cost")
        if hasattr(account, key)
    })
for fleet in (whole, entries, values, defaults, within):
    pulumi.export(fleet._name, {
        "accounts": fleet.accounts,
        "ids": fleet.account_ids,
        "counts": fleet.counts,
        "failed": fleet.failed,
    })
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_secret_input_is_nowhere_in_plaintext(
    server: Sandbox, tmp_path: Path, engine: str
) -> None:
    stack = stack_of(server, tmp_path, engine, RIGHT, STAGE="1")
    search = Searched(stack, all_secret=True)
    search.does("preview", stack.preview("--diff")).ok()
    plan = str(tmp_path / "work" / "plan.json")
    if engine == "pulumi":  # the stand-in has neither
        search.does("preview --json", stack.preview("--json", "--diff")).ok()
        search.does("preview --save-plan", stack.preview("--save-plan", plan)).ok()
    search.does("up", stack.up("--diff")).ok()
    search.state("up")
    shown = json.dumps(stack.outputs(show_secrets=True))
    assert "qzmark-nickname-1" in shown, "the words reach the accounts"
    assert "qzmark-default-1" in json.dumps(server.accounts())
    search.does("outputs", Run(0, json.dumps(stack.outputs())))
    # A change by hand, which refresh finds and reports, is a secret, too.
    for account in server.accounts():
        body = {"nickname": f"{account['nickname']}-by-hand", "settings": {"geoLocation": "qzmark"}}
        server.call("PATCH", f"/im/accounts/{account['accountId']}", json=body).raise_for_status()
    search.does("preview --refresh", stack.preview("--refresh", "--diff"))
    search.does("refresh", stack.refresh("--diff")).ok()
    search.state("refresh")
    search.does("preview after drift", stack.preview("--diff")).ok()
    if engine == "pulumi":
        search.does("preview --json after drift", stack.preview("--diff", "--json")).ok()
    stack.env["STAGE"] = "2"
    search.does("preview of a change", stack.preview("--diff"))
    # A call that fails, with a message about the secret.
    for account in server.accounts():
        path, words = f"/im/accounts/{account['accountId']}", f"not {account['nickname']}"
        server.fault("PATCH", path, "status", times=9, status=400, message=words)
    search.does("an update that fails", stack.up("--skip-preview", "--diff"))
    search.state("an update that fails")
    server.clear_faults()
    search.does("an update", stack.up("--diff")).ok()
    search.state("an update")
    server.call("DELETE", f"/im/accounts/{server.accounts()[0]['accountId']}").raise_for_status()
    search.does("refresh of deleted accounts", stack.refresh("--diff")).ok()
    (stack.project / "__main__.py").write_text("import pulumi\n")
    search.does("a removal", stack.up("--diff"))
    search.state("a removal")
    search.does("destroy", stack.destroy()).ok()
    assert search.found == [], "\n".join(search.found)


@pytest.mark.slow
@pytest.mark.parametrize("engine", BEST_ENGINE)
def test_the_error_at_the_end_of_a_run_does_not_name_secret_entries(
    server: Sandbox, tmp_path: Path, engine: str
) -> None:
    fleet = 'AccountFleet("whole", secret({word("key"): {"nickname": word("whole")}}))'
    stack = stack_of(server, tmp_path, engine, fleet)
    words = f"not {MARK}-whole"
    server.fault("POST", "/im/accounts", "status", times=9, status=400, message=words)
    search = Searched(stack, all_secret=True)
    run = search.does("an update that fails", stack.up("--skip-preview"))
    search.state("an update that fails")
    assert run.exit_code != 0
    assert "AccountFleet 'whole': 1 account failed" in run.output
    assert search.found == [], "\n".join(search.found)


#: Invalid values, each with the mark, and with numbers that occur nowhere else.
WRONG: dict[str, Any] = {
    "text": MARK,
    "long": MARK * 20,
    "longer": MARK * 2_000,
    "odd": f"\x1b]0;{MARK}\n'\"{MARK}\u202e\\\u00e9 {MARK}  {MARK}",
    "number": 70707071.5,
    "list": [MARK, 70707072],
    "mapping": {MARK: MARK, "a": {"geoLocation": 70707073}},
}
CONFIG = {
    "chatdaddy:teamId": TEAM_ID,
    "chatdaddy:baseUrl": "http://127.0.0.1:9",
    "chatdaddy:refreshToken": REFRESH_TOKEN,
}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with hosted("_account", CONFIG) as found:
        yield found


def reported(host: Host, news: dict[str, Any], *secrets: str) -> str:
    host.engine.lines.clear()
    _, failures = host.check({**news, "__secrets": list(secrets)})
    said = json.dumps([*failures.items(), *host.engine.lines], ensure_ascii=False)
    assert MARK not in said
    assert MARK[:4] not in said
    assert "7070707" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
def test_an_error_does_not_show_a_secret(host: Host, kind: str) -> None:
    """For each argument of an account, without calls to ChatDaddy."""
    value, said = WRONG[kind], ""
    for name in taken(Account):
        said += reported(host, {"nickname": "alice", name: value}, name)
        for part in ([value], {"geoLocation": value}, {"free": {"deep": [value]}}):
            said += reported(host, {"nickname": "alice", name: part}, f"{name}[]")
    assert "must be" in said


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRONG)
def test_an_error_of_a_fleet_does_not_show_a_secret(host: Host, kind: str) -> None:
    value, said, fleet = WRONG[kind], "", host.also("_fleet")
    whole = {"__accounts": json.dumps({"__late": 0})}
    said += reported(fleet, {**whole, "__late": [value]}, "accounts")
    for name in (*rules.ENTRY, "unknown"):
        entries = {MARK: {name: value}, MARK * 9: {name: value}, f"a{MARK}": value}
        said += reported(fleet, {**whole, "__late": [entries]}, "accounts")
        text = json.dumps({"a": {name: {"__late": 0}}, "b": {"__late": 1}})
        late = [value, {name: value}]
        said += reported(fleet, {"__accounts": text, "__late": late}, "accounts[]")
        news = {"__accounts": "{}", "defaults": {name: value}}
        said += reported(fleet, news, "defaults")
        said += reported(fleet, news, "defaults[]")
    for name in taken(AccountFleet) - {"accounts"}:
        said += reported(fleet, {"__accounts": "{}", name: value}, name)
    limits = {"max_purchases": value, "max_removals": value}
    said += reported(fleet, {"__accounts": "{}", "limits": limits}, "limits[]")
    assert "must be" in said


#: Secrets that a message may contain in another form than the program gave them.
ODD_SECRETS = (
    f"{MARK} +852 9876 5432 {MARK}",
    f"https://user:word@host/{MARK} Bearer abcdefgh {MARK}",
    f"Zoe\u0301 {MARK}",
    f"Zo\u00e9  {MARK}\t\u202e{MARK}",
    f'it\'s "{MARK}" \\{MARK}',
    f"  {MARK}\u00a0{MARK} ",
)


def in_other_forms(word: str) -> Iterator[str]:
    """A secret in the forms in which messages and servers write it."""
    for text in (word, normal(word), normalize("NFC", word), normalize("NFD", word)):
        yield text
        yield one_line(f"not {text} here")
        yield f"{text!r} and {[text]} and {chr(34) + text!r}"
        for ascii_ in (True, False):
            yield one_line(json.dumps({"message": f"not {text}"}, ensure_ascii=ascii_))
        yield Problem.of("nickname", f"is {text!r}, or {text}").reason
        yield repr(one_line(text))


@pytest.mark.parametrize("word", ODD_SECRETS)
def test_a_secret_in_another_form_is_masked(word: str) -> None:
    masking = Masking()
    masking.hide({"nickname": word}, ["nickname"])
    for message in in_other_forms(word):
        assert MARK not in masking.mask(message), message


ODD_NAME = 'Quza\'nd & "Smithers" <Zoé Straße>'


def numeric(text: str, pattern: str) -> str:
    return "".join(pattern.format(ord(one)) if one in "&<>\"'" else one for one in text)


@pytest.mark.parametrize(
    "write",
    [
        str.upper,
        str.lower,
        html.escape,
        lambda text: html.escape(text, quote=False),
        lambda text: html.escape(html.escape(text)).upper(),
        lambda text: numeric(text, "&#{};"),
        lambda text: numeric(text, "&#x{:X};"),
        lambda text: html.escape(text).replace("&#x27;", "&apos;"),
        lambda text: json.dumps(text.upper()),
        lambda text: f"{html.escape(text)[:13]}\N{HORIZONTAL ELLIPSIS}",
        lambda text: f"{html.escape(text)[:22]}\N{HORIZONTAL ELLIPSIS}",
    ],
)
def test_a_secret_is_masked_in_any_case_and_with_html_entities(write: Callable[[str], str]) -> None:
    masking = Masking()
    masking.hide({"nickname": ODD_NAME}, ["nickname"])
    said = masking.mask(f"{write(ODD_NAME)} is not allowed")
    for part in ("quza'nd", "quza&", "smithers", "zo", "stra"):
        assert part not in said.lower(), said
    assert said.endswith(" is not allowed")


def test_a_message_without_secrets_keeps_its_entities() -> None:
    masking = Masking()
    masking.hide({"nickname": "Alexandra & Smithers"}, ["nickname"])
    for said in ("&lt;b&gt; &amp;amp; AT&T\N{HORIZONTAL ELLIPSIS}", "Alexandra &amp; Bob"):
        assert masking.mask(said) == said
    assert masking.mask("Alexandra &amp; Smithers&#10;&#x202e;") == "[secret] &#x202e;"


def test_a_short_secret_masks_only_whole_words() -> None:
    masking = Masking()
    masking.hide({"nickname": "The"}, ["nickname"])
    assert masking.mask("The THE the Them") == "[secret] [secret] [secret] Them"


def test_objects_with_secrets_do_not_show_them() -> None:
    settings = Settings({"baseUrl": MARK, "refreshToken": MARK, "__secrets": "baseUrl"}, {})
    host = ProviderHost(connect=client_for)
    host.configure(settings)
    host.hide({"nickname": f"{MARK}-1"}, ["nickname"])
    assert MARK not in repr([settings, host, host.secrets, Proxy(True, "h", 1, MARK, MARK)])
    assert MARK not in host.mask(MARK)


#: One invalid argument for each program, because an engine ends a program at its first error.
PROGRAMS = (
    'Account("a", tier=hidden("tier"))',
    'Account("a", settings={"enableStories": hidden("setting")})',
    'AccountFleet("f", {"a": {"tier": hidden("tier")}})',
    'AccountFleet("f", secret({word("key"): {"tier": word("tier")}}))',
    'AccountFleet("f", {}, defaults={"tier": hidden("tier")})',
    'AccountFleet("f", {}, concurrency=hidden("concurrency"))',
    'AccountFleet("f", {}, limits={"max_purchases": hidden("limit")})',
)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_adds_no_secret_to_an_error(server: Sandbox, tmp_path: Path, engine: str) -> None:
    stack = stack_of(server, tmp_path, engine, "")
    search = Searched(stack)
    for program in PROGRAMS:
        (stack.project / "__main__.py").write_text(_HEAD + program)
        run = search.does(program, stack.preview("--diff"))
        assert run.exit_code != 0, program
        assert "must be" in run.output, run.output
        assert "Traceback" not in run.output, run.output
    search.state("preview")
    assert search.found == [], "\n".join(search.found)
    assert server.writes() == {}


WRONG_SETTINGS = (
    MARK,
    MARK * 40,
    f"http://{MARK}.example/path",
    f"https://user:{MARK}@host.example",
    f"http://127.0.0.1:9/{MARK}?{MARK}",
    f'{{"{MARK}": 1}}',
    f'{{"retries": "{MARK}"}}',
    f'{{"retries": 70707071.5, "max_pages": -70707072, "ca_file": "{MARK}"}}',
)


@pytest.mark.slow
@pytest.mark.parametrize("value", WRONG_SETTINGS)
def test_an_error_of_settings_does_not_show_a_secret(value: str) -> None:
    for names in (("baseUrl", "concurrency"), ("imUrl", "prices", "client")):
        said = {**dict.fromkeys(names, value), "__secrets": ",".join(names)}
        with hosted("_intents", {**CONFIG, **said}) as one:
            assert reported(one, {"__urn": "urn:pulumi:dev::p::t::n"}) != "[]"


#: Provider programs whose messages name a setting. No host name is looked up on another machine:
#: the names are unknown, or end in ``.invalid``.
OF_PROVIDERS = {
    "an inherited setting": "",
    "a path": 'base_url=secret("http://127.0.0.1:9/" + word("path"))',
    "a host": 'base_url=secret("https://" + word("host") + ".invalid")',
    "another scheme": 'im_url=secret("http://" + word("host") + ".example")',
    "a team": 'team_id=hidden("team")',
    "a word": 'client=secret(json.dumps({word("client"): 1}))',
    "a file": 'client=secret(json.dumps({"ca_file": "/" + word("file")}))',
    "prices": 'prices=secret(json.dumps({word("prices"): {}}))',
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_secret_setting_is_nowhere_in_plaintext(
    server: Sandbox, tmp_path: Path, engine: str
) -> None:
    """Settings of an explicit provider and of the stack. No call is made to the address."""
    given = {"TEAM": TEAM_ID, "TOKEN": REFRESH_TOKEN, "URL": server.url}
    stack = stack_of(server, tmp_path, engine, "", **given)
    secret = {"chatdaddy:eventsUrl": f"http://127.0.0.1:9/{MARK}-events"}
    for key, value in secret.items():
        stack.set_config(key, value, secret=True)
    search = Searched(stack)
    for title, argument in OF_PROVIDERS.items():
        said = ['refresh_token=os.environ["TOKEN"]', argument]
        said += [] if "team_id" in argument else ['team_id=secret(os.environ["TEAM"])']
        said += [] if "base_url" in argument else ['base_url=secret(os.environ["URL"])']
        (stack.project / "__main__.py").write_text(
            f"import json\n{_HEAD}"
            f"own = Provider('own', {', '.join(filter(None, said))})\n"
            "opts = pulumi.ResourceOptions(provider=own)\n"
            "Account('a', opts=opts)\n"
            "AccountFleet('f', {'b': {}}, opts=opts)\n"
        )
        run = search.does(title, stack.up("--diff") if not argument else stack.preview("--diff"))
        assert (run.exit_code == 0) == (not argument), run.output
        assert "Traceback" not in run.output, run.output
    search.state("preview")
    (stack.project / "__main__.py").write_text(f"{_HEAD}Account('c')\n")
    stack.set_config("chatdaddy:baseUrl", f"http://{MARK}-host.example/", secret=True)
    search.does("a stack's setting", stack.preview("--diff"))
    assert search.found == [], "\n".join(search.found)
