"""One plain dynamic resource for each account, as people write them: each operation has its own
HTTP
client and token.
"""

import json
import os
import pickle
import urllib.request
from typing import Any

from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

URL, TEAM = os.environ["API_URL"], os.environ["API_TEAM"]
REFRESH_TOKEN, CLIENT = os.environ["API_TOKEN"], os.environ["CLIENT"]


def with_httpx(method: str, path: str, body: Any = None) -> Any:
    import httpx

    with httpx.Client(base_url=URL) as client:
        said = {"refreshToken": REFRESH_TOKEN, "teamId": TEAM}
        token = client.post("/auth/token", json=said).raise_for_status().json()["access_token"]
        headers = {"Authorization": "Bearer " + token}
        return client.request(method, path, json=body, headers=headers).raise_for_status().json()


def with_urllib(method: str, path: str, body: Any = None) -> Any:
    def call(method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(URL + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    said = {"refreshToken": REFRESH_TOKEN, "teamId": TEAM}
    token = call("POST", "/auth/token", said, {})["access_token"]
    return call(method, path, body, {"Authorization": "Bearer " + token})


authorised = {"httpx": with_httpx, "urllib": with_urllib}[CLIENT]


class PlainProvider(ResourceProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        order = {"type": "wa", "tier": props["tier"], "nickname": props["nickname"]}
        return CreateResult(authorised("POST", "/im/accounts", order)["accountId"], {**props})

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(olds.get(k) != news[k] for k in ("tier", "nickname")))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        found = authorised("GET", "/im/accounts?q=" + id_)["accounts"][0]
        return ReadResult(id_, {**props, "nickname": found["nickname"], "tier": found["tier"]})

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        authorised("PATCH", "/im/accounts/" + id_, {"nickname": news["nickname"]})
        return UpdateResult({**news})

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        authorised("DELETE", "/im/accounts/" + id_)


# The SDK wraps its own function again for every resource, so from the 190th on it fails with a
# RecursionError. Restore the function, since otherwise there is nothing to compare with.
pickler: Any = pickle._Pickler
unnested = pickler._batch_setitems


class Account(Resource):
    def __init__(self, name: str, **props: Any) -> None:
        pickler._batch_setitems = unnested
        super().__init__(PlainProvider(), name, props)


changed = os.environ["CHANGED"]
for n in range(int(os.environ["ACCOUNTS"])):
    new = {"all": "-new", "one": "-one" if n == 7 else ""}.get(changed, "")
    Account(
        f"customer-{n:05}", nickname=f"customer-{n:05}{new}", tier="limited_msg_no_chat_history"
    )
