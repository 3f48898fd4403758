from __future__ import annotations

import pytest

from chatdaddy_pulumi.client.proxies import proxy_for

URL = "https://api.chatdaddy.tech/im"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https_proxy": "proxy:3128", "HTTPS_PROXY": "http://other"}, "http://proxy:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://other"}, None),
        ({"ALL_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:3128"}, None),
    ],
)
def test_the_proxy_of_the_environment(environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(URL, environment) == proxy


@pytest.mark.parametrize(
    ("url", "no_proxy", "exempt"),
    [
        (URL, "*", True),
        (URL, "example.com, .chatdaddy.tech", True),
        (URL, "chatdaddy.tech:443", True),
        (URL, "chatdaddy.tech:80", False),
        (URL, "addy.tech", False),
        (URL, "", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://10.1.2.3", "10.1.2.3", True),
        ("http://10.1.2.3", "10.1.2.4,11.0.0.0/8", False),
        ("http://[fd00::1]:8080", "fd00::/8", True),
        ("http://[fd00::1]:8080", "[fd00::1]", True),
    ],
)
def test_no_proxy_exempts_hosts(url: str, no_proxy: str, exempt: bool) -> None:
    environment = {"all_proxy": "http://proxy", "NO_PROXY": no_proxy}
    assert proxy_for(url, environment) == (None if exempt else "http://proxy")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]"])
def test_this_machine_is_never_called_through_a_proxy(url: str) -> None:
    assert proxy_for(url, {"ALL_PROXY": "http://proxy"}) is None


def test_a_request_header_of_a_cgi_process_is_no_proxy() -> None:
    environment = {"HTTP_PROXY": "http://evil", "REQUEST_METHOD": "GET"}
    assert proxy_for("http://10.0.0.1", environment) is None
    assert proxy_for("http://10.0.0.1", {"HTTP_PROXY": "http://proxy"}) == "http://proxy"
