"""A small OpenID provider on a real socket, that says whatever a test wants: tokens that nobody should believe, too.

The real one is in tests/api/real_provider.
"""

import asyncio
import base64
import hashlib
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET, AUDIENCE = "provkedja", "a secret of the pages", "https://api.example.se"
_ALGORITHMS: Final = {"r1": "RS256", "p1": "PS256", "e1": "ES256", "d1": "EdDSA", "stranger": "RS256"}

Claims = dict[str, Any]
# What is given for a code: an ID token, made of the nonce that was asked for.
Answer = Callable[[str], str]


def _private_keys() -> dict[str, Any]:
    made: dict[str, Any] = {name: rsa.generate_private_key(65537, 2048) for name in ("r1", "p1", "stranger")}
    return {**made, "e1": ec.generate_private_key(ec.SECP256R1()), "d1": ed25519.Ed25519PrivateKey.generate()}


# Making them takes longer than most tests; the key of a stranger is in no key set.
KEYS: Final = _private_keys()


def public_jwk(name: str) -> dict[str, Any]:
    """Gives a key as the key set has it."""
    algorithm = jwt.get_algorithm_by_name(_ALGORITHMS[name])
    made: Any = algorithm.to_jwk(KEYS[name].public_key(), as_dict=True)
    return {**made, "kid": name, "use": "sig", "alg": _ALGORITHMS[name]}


def encoded(part: object) -> str:
    """Writes a part of a token: bytes as they are, all else as JSON."""
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: object, payload: object, key: str | bytes, algorithm: str | None = None) -> str:
    """Makes a token of whatever parts, signed by a key of this name, or with these bytes as the secret of an HMAC."""
    content = f"{encoded(header)}.{encoded(payload)}"
    algorithm = algorithm or (_ALGORITHMS[key] if isinstance(key, str) else "HS256")
    made = jwt.get_algorithm_by_name(algorithm).sign(content.encode(), KEYS[key] if isinstance(key, str) else key)
    return f"{content}.{encoded(made)}"


@dataclass
class SmallProvider:
    """What it says, and how often it has been asked; all of it may be changed while it runs."""

    issuer: str
    client: str = CLIENT
    document: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    codes: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    # Instead of what it would answer at an address.
    instead: dict[str, Callable[[], Response]] = field(default_factory=dict)

    def claims(self, **more: Any) -> Claims:
        """Gives the claims that all tokens have, of a subject with the group `leaders`."""
        now = int(time.time())
        whole = {"iss": self.issuer, "sub": "subject-1", "iat": now, "exp": now + 600, "groups": ["leaders"], **more}
        return {name: value for name, value in whole.items() if value is not ...}

    def id_token(self, nonce: str, /, key: str = "r1", header: Claims | None = None, **claims: Any) -> str:
        """Makes an ID token."""
        return signed(
            {"alg": _ALGORITHMS[key], "kid": key, **(header or {})},
            self.claims(**{"aud": self.client, "nonce": nonce, "auth_time": int(time.time()), **claims}),
            key,
        )

    def access_token(self, key: str = "r1", header: Claims | None = None, **claims: Any) -> str:
        """Makes an access token for the API, as RFC 9068 has it; a claim of `...` is left out."""
        head = {"alg": _ALGORITHMS[key], "kid": key, "typ": "at+jwt", **(header or {})}
        return signed(head, self.claims(**{"aud": AUDIENCE, "client_id": "a system", "jti": "1", **claims}), key)

    def agree(self, address: str, answer: Answer | None = None) -> dict[str, str]:
        """Signs somebody in who was sent to `address`: gives what the browser brings back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["code_challenge_method"] == "S256"
        assert asked["response_type"] == "code"
        code = f"code-{len(self.codes)}"
        nonce, answer = asked["nonce"], answer or self.id_token
        self.codes[code] = (asked["code_challenge"], lambda _: answer(nonce))
        return {"code": code, "state": asked["state"], "session_state": "unknown to us"}

    def app(self) -> Starlette:
        """Makes what serves it."""
        routes = [
            Route("/.well-known/openid-configuration", self._said(lambda: self.document)),
            Route("/keys", self._said(lambda: {"keys": self.keys})),
            Route("/token", self._redeem, methods=["POST"]),
            Route("/authorise", self._authorise),
            Route("/logout", self._said(lambda: "signed out there")),
            Route("/{rest:path}", self._said(lambda: {"keys": [public_jwk("stranger")]})),
        ]
        return Starlette(routes=routes)

    def _said(self, say: Callable[[], object]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self.asked[request.url.path] += 1
            if request.url.path in self.instead:
                return self.instead[request.url.path]()
            return JSONResponse(say())

        return answer

    async def _authorise(self, request: Request) -> Response:
        """Signs whoever comes in at once, as a provider does that knows the browser."""
        self.asked["/authorise"] += 1
        back = request.query_params["redirect_uri"]
        return RedirectResponse(f"{back}?{urlencode(self.agree(str(request.url)))}", 303)

    async def _redeem(self, request: Request) -> Response:
        self.asked["/token"] += 1
        if "/token" in self.instead:
            return self.instead["/token"]()
        form = dict(parse_qsl((await request.body()).decode()))
        given = request.headers.get("authorization", "")
        pair = base64.b64decode(given.removeprefix("Basic ")).decode() if given else ""
        if pair != urlencode({CLIENT: SECRET}).replace("=", ":").replace("+", "%20"):
            return JSONResponse({"error": "invalid_client"}, 401)
        challenge, answer = self.codes.pop(form["code"], ("", lambda _: ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if not challenge or encoded(digest) != challenge:
            return JSONResponse({"error": "invalid_grant", "error_description": "<b>never shown</b>"}, 400)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": answer("")})


@asynccontextmanager
async def small_provider() -> AsyncIterator[SmallProvider]:
    """Lends a provider on loopback."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # or Nagle's algorithm stays on
        listening.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        provider = SmallProvider(issuer, keys=[public_jwk(name) for name in ("r1", "p1", "e1", "d1")])
        provider.document |= {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorise?tenant=1",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "end_session_endpoint": f"{issuer}/logout",
        }
        config = uvicorn.Config(provider.app(), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield provider
        finally:
            server.should_exit = True
            await serving
