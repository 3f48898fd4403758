"""How connections are made: TLS verified, proxies from the environment, no redirects."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import certifi
import httpx

from chatdaddy_pulumi.client.addresses import parse
from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.http11 import ConnectionPool
from chatdaddy_pulumi.client.options import ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.proxies import proxy_for
from chatdaddy_pulumi.version import __version__

# Node's servers close an idle connection after 5 seconds. A purchase sent just then would be
# lost without an answer, so connections are not kept for as long.
_KEEP_IDLE_S = 3.0


USER_AGENT = f"chatdaddy-pulumi/{__version__}"


def http_transport(
    urls: ServiceUrls,
    options: ClientOptions,
    environment: Mapping[str, str],
    certificates: Callable[[], ssl.SSLContext] | None = None,
) -> httpx.AsyncBaseTransport:
    """The connections to these services alone, through the environment's proxies.

    Reading the certificates takes a while, so it is left out if all services are ``http://`` and
    no CA file is given. `certificates` gives what `tls_context` gave before for the same
    environment.
    """
    addresses = []
    for url in urls.all():
        address = parse(url)
        assert address is not None
        addresses.append(address)
    tls = None
    if options.ca_file or any(address.scheme == "https" for address in addresses):
        tls = certificates() if certificates else tls_context(options.ca_file, environment)
    pools: dict[Origin, httpx.AsyncBaseTransport] = {}
    for address in addresses:
        pools[address.scheme, address.host, address.port] = ConnectionPool(
            address,
            tls=tls,
            proxy=proxy_for(address, environment),
            keep_idle_s=_KEEP_IDLE_S,
        )
    return _Routes(pools)


Origin = tuple[str, str, int | None]


class _Routes(httpx.AsyncBaseTransport):
    """Sends requests to these origins, each over its own connections, and to no other."""

    def __init__(self, pools: Mapping[Origin, httpx.AsyncBaseTransport]) -> None:
        self._pools = pools

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        pool = self._pools[url.scheme, url.raw_host.decode(), url.port]
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def tls_context(ca_file: str | None, environment: Mapping[str, str]) -> ssl.SSLContext:
    """Trust certifi's certificates, or those of SSL_CERT_FILE or SSL_CERT_DIR; and `ca_file`'s."""
    cert_file, cert_dir = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    what = f"SSL_CERT_FILE={cert_file!r}" if cert_file else f"SSL_CERT_DIR={cert_dir!r}"
    try:
        if cert_file:
            context = ssl.create_default_context(cafile=cert_file)
        elif cert_dir:
            context = ssl.create_default_context(capath=cert_dir)
        else:
            context = ssl.create_default_context(cafile=certifi.where())
        if ca_file:
            what = f"the CA file {ca_file!r}"
            context.load_verify_locations(cafile=ca_file)
        return context
    except (OSError, ssl.SSLError) as error:
        problem = str(error)
    raise BadSetting(f"can't be read: {problem}", call=what)
