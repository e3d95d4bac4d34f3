"""Signing in, with a provider on this machine: nobody sees a page before, and work follows the person."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.browser.conftest import serving
from tests.browser.steps import PATIENCE, go_to, open_demo, settle, write_note
from tools.chromium import MENU
from tools.ports import free_port

pytestmark = pytest.mark.browser
CLIENT = "faultline"
NAME = "Ada <b>Lovelace</b>"


def provider(url: str) -> Starlette:
    """Return a provider that signs everybody in as Ada without asking."""
    key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
    nonces: dict[str, str] = {}

    async def about(_: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def authorize(request: Request) -> RedirectResponse:
        code = secrets.token_hex(8)
        nonces[code] = request.query_params.get("nonce", "")
        back = urlencode({"code": code, "state": request.query_params["state"]})
        return RedirectResponse(f"{request.query_params['redirect_uri']}?{back}")

    async def token(request: Request) -> JSONResponse:
        form = await request.form()
        now = int(time.time())
        claims = {"iss": url, "sub": "ada", "aud": CLIENT, "iat": now, "exp": now + 3600, "name": NAME}
        claims["nonce"] = nonces.pop(str(form["code"]))
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, key)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "id_token": signed})

    async def keys(_: Request) -> JSONResponse:
        return JSONResponse({"keys": [key.as_dict(private=False)]})

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", about),
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
            Route("/jwks", keys),
        ]
    )


@contextmanager
def providing() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = uvicorn.Server(uvicorn.Config(provider(url), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()


def write_secrets(folder: Path, issuer: str, server: int) -> None:
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(
        f"""[auth]
redirect_uri = "http://127.0.0.1:{server}/oauth2callback"
cookie_secret = "{secrets.token_hex(32)}"
client_id = "{CLIENT}"
client_secret = "{secrets.token_hex(32)}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""
    )


def test_nobody_sees_a_page_before_signing_in(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    with providing() as issuer:
        write_secrets(tmp_path, issuer, port)
        with serving(tmp_path, tmp_path / "home", port, HOME=str(tmp_path), FAULTLINE_SIGN_IN="required") as server:
            context = browser.new_context(base_url=server.url)
            page = context.new_page()
            for path in ("/overview?demo=breast_cancer", "/load", "/"):
                page.goto(path)
                expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)
                expect(page.locator(MENU)).to_have_count(0)
            page.get_by_role("button", name="Sign in").click()
            settle(page, "Load")
            expect(page.get_by_test_id("stSidebar")).to_contain_text(NAME)
            open_demo(page, "breast cancer")
            write_note(page, "mine")

            again = browser.new_context(base_url=server.url)  # another device of the same person
            other = again.new_page()
            other.goto("/")
            other.get_by_role("button", name="Sign in").click()
            settle(other, "Load")
            open_demo(other, "breast cancer")
            expect(other.get_by_role("button", name="Notes (1)")).to_be_visible(timeout=PATIENCE)
            go_to(other, "Load")
            other.get_by_role("button", name="Sign out").click()
            expect(other.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE)
            context.close()
            again.close()
