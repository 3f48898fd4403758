"""How connections are made: TLS verified, proxies from the environment, no redirects."""

from __future__ import annotations

import functools
import logging
import os
import ssl
from importlib import metadata

import httpx

from chatdaddy_pulumi.client.errors import BadSetting
from chatdaddy_pulumi.client.options import ClientOptions, ServiceUrls, is_loopback
from chatdaddy_pulumi.client.redact import RedactingFilter

# Node's servers close an idle connection after 5 seconds. A purchase sent just then would be
# lost without an answer, so connections are not kept for as long.
_KEEP_IDLE_S = 3.0

_logs_are_safe = RedactingFilter()


def connections(urls: ServiceUrls, options: ClientOptions) -> httpx.AsyncClient:
    """The pool of connections. Redirects are not followed: the token would go along."""
    # httpx logs whole addresses; an API token is deleted by one that holds it.
    logging.getLogger("httpx").addFilter(_logs_are_safe)
    return httpx.AsyncClient(
        headers={"User-Agent": f"chatdaddy-pulumi/{version()}", "Accept": "application/json"},
        timeout=httpx.Timeout(options.read_timeout_s, connect=options.connect_timeout_s, pool=None),
        limits=httpx.Limits(
            max_connections=None,
            max_keepalive_connections=options.concurrency,
            keepalive_expiry=_KEEP_IDLE_S,
        ),
        follow_redirects=False,
        verify=_tls(
            options.ca_file, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        ),
        # A proxy can't reach this machine's own servers.
        mounts={f"all://{_bracketed(host)}": None for host in urls.hosts() if is_loopback(host)},
    )


@functools.cache
def _tls(ca_file: str | None, _cert_file: str | None, _cert_dir: str | None) -> ssl.SSLContext:
    """Reading the certificates takes a while; the environment's are found by httpx."""
    what = "the certificates of SSL_CERT_FILE or SSL_CERT_DIR"
    try:
        context = httpx.create_ssl_context()
        if ca_file:
            what = f"the CA file {ca_file!r}"
            context.load_verify_locations(cafile=ca_file)
        return context
    except (OSError, ssl.SSLError) as error:
        problem = str(error)
    raise BadSetting(f"can't be read: {problem}", call=what)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@functools.cache
def version() -> str:
    """This package's version, as in the ``User-Agent``."""
    try:
        return metadata.version("chatdaddy-pulumi")
    except metadata.PackageNotFoundError:
        return "0"
