"""A real OpenID provider for tests: oidc-provider for node, which its maker has had certified, from npm by a lock.

It runs on loopback with its own login form. Where there is no node, or npm reaches no packages, what needs it is
skipped.
"""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.conftest import ROOT

HERE: Final = Path(__file__).parent
_FOLDER: Final = ROOT / ".local" / "sign-in-provider"
_FILES: Final = ("package.json", "package-lock.json", "provider.mjs")
AUDIENCE: Final = "urn:provkedja:api"
CLIENT, SECRET = "provkedja", "secret/of a+test"


@dataclass(frozen=True, slots=True)
class RealProvider:
    """Where the provider is."""

    issuer: str


def installed() -> str | None:
    """Installs the provider as the lock wants it, once; gives why it can't be had, None when it is there."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node and npm here: no real OpenID provider was signed in to"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    # Several processes run tests at once.
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if all(_same(name) for name in _FILES) and (_FOLDER / "node_modules" / "oidc-provider").exists():
            return None
        for name in _FILES:
            shutil.copy(HERE / name, _FOLDER / name)
        # Nothing that is installed may run anything of its own.
        command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        done = subprocess.run(command, cwd=_FOLDER, check=False, capture_output=True, text=True)
        if done.returncode:
            (_FOLDER / "package.json").unlink()
            return "npm could not get oidc-provider: no real OpenID provider was signed in to"
    return None


@contextmanager
def real_provider(folder: Path, pages: str, groups: dict[str, list[str]]) -> Iterator[RealProvider]:
    """Lends a provider that knows these people with their groups, and sends browsers back to `pages`."""
    keys = [_jwk(rsa.generate_private_key(65537, 2048), "r1"), _jwk(ec.generate_private_key(ec.SECP256R1()), "e1")]
    given = {
        "audience": AUDIENCE,
        "groups": groups,
        "keys": keys,
        "tokenClaims": {"timetable": {"groups": ["systems"], "acr": "high"}, CLIENT: {}},
        "clients": [
            {
                "client_id": CLIENT,
                "client_secret": SECRET,
                "redirect_uris": [f"{pages}/historik/logga-in/svar"],
                "post_logout_redirect_uris": [f"{pages}/historik/logga-in"],
            },
            {
                "client_id": "timetable",
                "client_secret": "another",
                "grant_types": ["client_credentials"],
                "redirect_uris": [],
                "response_types": [],
            },
        ],
    }
    config = folder / "provider.json"
    config.write_text(json.dumps(given))
    command = ("node", "provider.mjs", str(config))
    with (
        (folder / "provider.log").open("w") as log,
        subprocess.Popen(command, cwd=_FOLDER, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening "):
                pytest.fail((folder / "provider.log").read_text(), pytrace=False)
            yield RealProvider(f"http://127.0.0.1:{line.split()[1]}")
        finally:
            process.terminate()
            process.wait(10)


def _jwk(key: Any, key_id: str) -> dict[str, Any]:
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    made = (jwt.algorithms.RSAAlgorithm if is_rsa else jwt.algorithms.ECAlgorithm).to_jwk(key, as_dict=True)
    return {**made, "kid": key_id, "use": "sig", "alg": "RS256" if is_rsa else "ES256"}


def _same(name: str) -> bool:
    there = _FOLDER / name
    return there.exists() and there.read_bytes() == (HERE / name).read_bytes()
