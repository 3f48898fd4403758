"""The page at `/`, which shows what a stack did and updates itself."""

from __future__ import annotations

import secrets
from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.responses import HTMLResponse

from chatdaddy_sandbox import page
from chatdaddy_sandbox.routes.shared import InService

router = APIRouter(include_in_schema=False)

_STATIC = files("chatdaddy_sandbox") / "static"


@router.get("/")
async def page_get(service: InService, q: str = "") -> Response:
    nonce = secrets.token_urlsafe(12)
    style = (_STATIC / "page.css").read_text()
    script = (_STATIC / "page.js").read_text()
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    html = page.page(service, q, style=style, script=script, nonce=nonce)
    return HTMLResponse(html, headers={"content-security-policy": policy, **_HEADERS})


@router.get("/_sandbox/page")
async def fragment_get(service: InService, q: str = "") -> Response:
    return HTMLResponse(page.main(service, q), headers=_HEADERS)


_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
