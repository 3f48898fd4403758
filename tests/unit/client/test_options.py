from __future__ import annotations

import pickle

import pytest

from chatdaddy_pulumi.client import BadSetting, ChatDaddy, ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.bridge import Credentials


def test_one_base_url_gives_all_services_and_each_can_be_another() -> None:
    urls = ServiceUrls.from_base("http://127.0.0.1:8080/", im="https://api-im.chatdaddy.tech/")
    assert urls == ServiceUrls(
        auth="http://127.0.0.1:8080/auth",
        im="https://api-im.chatdaddy.tech",
        payments="http://127.0.0.1:8080/payments",
        events="http://127.0.0.1:8080/events",
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is not a URL"),
        ("api.chatdaddy.tech", "is not a URL"),
        ("ftp://api.chatdaddy.tech", "is not a URL"),
        ("https://", "is not a URL"),
        ("http://[::1", "is not a URL"),
        ("http://host:port", "is not a URL"),
        ("https://user:pw@api.chatdaddy.tech", "only scheme, host and path"),
        ("https://api.chatdaddy.tech/?x=1", "only scheme, host and path"),
        ("http://api.chatdaddy.tech", "unencrypted"),
        ("http://8.8.8.8:80", "unencrypted"),
    ],
)
def test_an_invalid_url_is_a_one_line_error(url: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        ServiceUrls.from_base(url)
    assert str(caught.value).startswith("the base URL: ")


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://192.168.1.5"])
def test_plain_http_is_allowed_in_private_networks(url: str) -> None:
    assert ServiceUrls.from_base(url).im == f"{url}/im"


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"retries": -1}, {"read_timeout_s": float("nan")}]
)
def test_options_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(BadSetting, match="number of at least"):
        ClientOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"team_id": " ", "refresh_token": "refresh-1"}, "team ID .*CHATDADDY_TEAM_ID.* missing"),
        ({"team_id": "t"}, "give one of them, not none"),
        ({"team_id": "t", "refresh_token": "a1", "api_token": "b1"}, "not both"),
        ({"team_id": "t", "refresh_token": " \n"}, "refresh token .*: is empty"),
        ({"team_id": "t", "api_token": "tok\nen-123"}, "characters that no token has"),
        ({"team_id": "t", "api_token": "töken-123456"}, "characters that no token has"),
    ],
)
def test_missing_or_impossible_credentials(given: dict[str, str], says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        ChatDaddy(**given)
    secrets = {value for name, value in given.items() if name != "team_id" and len(value) > 5}
    assert not any(secret in str(caught.value) for secret in secrets)


def test_a_ca_file_that_cannot_be_read() -> None:
    with pytest.raises(BadSetting, match=r"CA file '/nowhere\.pem': can't be read"):
        ChatDaddy("t", api_token="token-123", options=ClientOptions(ca_file="/nowhere.pem"))


def test_an_unreadable_ssl_cert_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    with pytest.raises(BadSetting, match="SSL_CERT_FILE"):
        ChatDaddy("t", api_token="token-123")


def test_clients_and_credentials_neither_show_nor_pickle_secrets() -> None:
    client = ChatDaddy("team-1", refresh_token="refresh-secret-1")
    credentials = Credentials("team-1", refresh_token="refresh-secret-1", api_token="api-secret-1")
    for one in (client, credentials, client._transport.tokens):
        assert "secret" not in repr(one)
        assert "secret" not in repr(vars(one)) or isinstance(one, Credentials)
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(one)


def test_certificates_are_not_read_for_services_without_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    local = "http://127.0.0.1:1"
    ChatDaddy("t", api_token="token-123", urls=ServiceUrls.from_base(local))
