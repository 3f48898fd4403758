from __future__ import annotations

import pytest

from chatdaddy_pulumi.client import BadSetting
from chatdaddy_pulumi.client.addresses import Address, parse
from chatdaddy_pulumi.client.proxies import Proxy, proxy_for


def address(url: str) -> Address:
    found = parse(url)
    assert found is not None
    return found


URL = address("https://api.chatdaddy.tech/im")


def named(environment: dict[str, str], url: Address = URL) -> str | None:
    found = proxy_for(url, environment)
    return found and f"{found.host}:{found.port}"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "proxy:3128"),
        ({"HTTPS_PROXY": "http://proxy/"}, "proxy:80"),
        ({"https_proxy": "proxy:3128", "HTTPS_PROXY": "http://other"}, "proxy:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://other"}, None),
        ({"ALL_PROXY": "http://10.0.0.1:3128"}, "10.0.0.1:3128"),
        ({"ALL_PROXY": "http://[fd00::1]:3128"}, "fd00::1:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
    ],
)
def test_the_proxy_of_the_environment(environment: dict[str, str], proxy: str | None) -> None:
    assert named(environment) == proxy


def test_a_proxy_may_ask_for_a_user_and_a_password() -> None:
    found = proxy_for(URL, {"HTTPS_PROXY": "http://me:p%40ss%3Aword@proxy"})
    assert found == Proxy(tls=False, host="proxy", port=80, user="me", password="p@ss:word")


@pytest.mark.parametrize(
    ("url", "no_proxy", "exempt"),
    [
        (URL, "*", True),
        (URL, "example.com, .chatdaddy.tech", True),
        (URL, "chatdaddy.tech:443", True),
        (URL, "chatdaddy.tech:80", False),
        (URL, "addy.tech", False),
        (URL, "", False),
        (address("https://10.1.2.3"), "10.0.0.0/8", True),
        (address("https://10.1.2.3"), "10.1.2.3", True),
        (address("https://10.1.2.3"), "10.1.2.4,11.0.0.0/8", False),
        (address("https://[fd00::1]:8080"), "fd00::/8", True),
        (address("https://[fd00::1]:8080"), "[fd00::1]", True),
    ],
)
def test_no_proxy_exempts_hosts(url: Address, no_proxy: str, exempt: bool) -> None:
    environment = {"all_proxy": "http://proxy", "NO_PROXY": no_proxy}
    assert named(environment, url) == (None if exempt else "proxy:80")


def test_a_request_header_of_a_cgi_process_is_no_proxy() -> None:
    environment = {"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}
    assert proxy_for(address("http://10.0.0.1"), environment) is None
    with pytest.raises(BadSetting):
        proxy_for(address("http://10.0.0.1"), {"HTTP_PROXY": "http://proxy"})
