"""The one provider that the settings name: its documents, codes that become ID tokens, access tokens that come."""

import base64
import ssl
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from app.errors import Stopped
from app.oidc import calls, tokens
from app.oidc.calls import ProviderUnavailable
from app.oidc.flow import Transaction, authorisation_address
from app.oidc.kept import Kept
from app.oidc.key_set import Key, find_key, read_key_set
from app.oidc.tokens import Claims, Expected, Header, NotBelieved
from app.plain_addresses import is_protected_http
from app.settings import Settings

# Where the provider sends browsers back to, on the pages.
ANSWER_PATH: Final = "/historik/logga-in/svar"
SIGNED_OUT_PATH: Final = "/historik/logga-in"
_DISCOVERY: Final = "/.well-known/openid-configuration"
_MOST_CODE: Final = 4096


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the discovery document says.

    `names_itself` is whether the provider's answers have `iss` (RFC 9207), `in_header` whether it takes secrets there.
    """

    authorisation: str
    token: str
    keys: str
    end_session: str | None
    names_itself: bool
    in_header: bool


class Provider:
    """The provider of the settings; nothing is called before somebody signs in or brings a token."""

    def __init__(self, settings: Settings) -> None:
        """Raises Stopped when the file of authorities can't be used."""
        self._settings = settings
        self._tls = _tls(settings.oidc_ca_file)
        self._metadata: Kept[Metadata] = Kept("discovery", self._read_metadata)
        self._keys: Kept[tuple[Key, ...]] = Kept("keys", self._read_keys)
        algorithms = frozenset(each.strip() for each in settings.oidc_algorithms.split(","))
        self.issuer = settings.oidc_issuer
        self.name = settings.oidc_provider_name or urlsplit(self.issuer).hostname or ""
        self.acr_values = frozenset(settings.oidc_step_up_acr.split())
        self.step_up_seconds = 60.0 * settings.oidc_step_up_minutes
        self._id_tokens = Expected(self.issuer, settings.oidc_client_id, algorithms)
        self._access_tokens = Expected(self.issuer, settings.oidc_api_audience, algorithms)

    @property
    def takes_bearer_tokens(self) -> bool:
        """Tells whether the API takes access tokens."""
        return bool(self._access_tokens.audience)

    async def sign_in_address(self, transaction: Transaction) -> str:
        """Gives where a browser goes to sign in; raises ProviderUnavailable."""
        settings, found = self._settings, await self._metadata.get()
        return authorisation_address(
            found.authorisation,
            settings.oidc_client_id,
            self._at_our_pages(ANSWER_PATH),
            settings.oidc_scope,
            transaction,
            settings.oidc_step_up_acr,
        )

    async def sign_out_address(self) -> str | None:
        """Gives where a browser goes to sign out at the provider too; None where there is no such thing.

        The provider is given no token to know somebody by, for none is kept: it may ask them.
        """
        try:
            endpoint = (await self._metadata.get()).end_session
        except ProviderUnavailable:
            return None
        if endpoint is None:
            return None
        asked = {
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": self._at_our_pages(SIGNED_OUT_PATH),
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def check_sender(self, issuer: str | None) -> None:
        """Raises NotBelieved for an answer whose `iss` is another's, or is missing where it never is."""
        if issuer is None and not (await self._metadata.get()).names_itself:
            return
        if issuer != self.issuer:
            raise NotBelieved("issuer")

    async def redeem(self, code: str, transaction: Transaction) -> Claims:
        """Has a code become an ID token, and gives its claims.

        Raises NotBelieved, RequestRefused for a code that is over, ProviderUnavailable.
        """
        if not 0 < len(code) <= _MOST_CODE:
            raise NotBelieved("form")
        found, settings = await self._metadata.get(), self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._at_our_pages(ANSWER_PATH),
            "client_id": settings.oidc_client_id,
            "code_verifier": transaction.verifier,
        }
        headers, secret = {}, settings.oidc_client_secret.get_secret_value()
        if secret and found.in_header:
            del form["client_id"]
            # RFC 6749 (2.3.1) has both encoded as in a form.
            pair = f"{quote(settings.oidc_client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
        elif secret:
            form["client_secret"] = secret
        answer = await calls.call(self._tls, found.token, form=form, headers=headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotBelieved("form")
        key = await self._key(tokens.read_id_header(token, self._id_tokens))
        return tokens.read_id_token(token, key, self._id_tokens, transaction.nonce)

    async def claims_of(self, access_token: str) -> Claims:
        """Gives the claims of an access token for the API; raises NotBelieved and ProviderUnavailable."""
        if not self.takes_bearer_tokens:
            raise NotBelieved("audience")
        key = await self._key(tokens.read_access_header(access_token, self._access_tokens))
        return tokens.read_access_token(access_token, key, self._access_tokens)

    async def _key(self, header: Header) -> Key:
        wanted = header.key_id, header.algorithm
        keys = await self._keys.get(lambda there: find_key(there, *wanted) is not None)
        if (key := find_key(keys, *wanted)) is None:
            raise NotBelieved("key")
        return key

    async def _read_metadata(self) -> Metadata:
        return read_metadata(await calls.call(self._tls, self.issuer.rstrip("/") + _DISCOVERY), self.issuer)

    async def _read_keys(self) -> tuple[Key, ...]:
        document = await calls.call(self._tls, (await self._metadata.get()).keys)
        try:
            return read_key_set(document)
        except ValueError:
            raise ProviderUnavailable("no_keys") from None

    def _at_our_pages(self, path: str) -> str:
        return self._settings.oidc_pages_url.rstrip("/") + path


def read_metadata(document: dict[str, Any], issuer: str) -> Metadata:
    """Reads a discovery document; raises ProviderUnavailable for one of another issuer, or with addresses in clear."""
    if document.get("issuer") != issuer:
        raise ProviderUnavailable("other_issuer")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    authorisation, token, keys = (document.get(name) for name in names)
    end = document.get("end_session_endpoint")
    for each in (authorisation, token, keys, *([] if end is None else [end])):
        if not isinstance(each, str) or not is_protected_http(each):
            raise ProviderUnavailable("endpoints")
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    in_header = not isinstance(methods, list) or "client_secret_basic" in methods
    names_itself = document.get("authorization_response_iss_parameter_supported") is True
    return Metadata(str(authorisation), str(token), str(keys), end, names_itself, in_header)


def provider_of(settings: Settings) -> Provider | None:
    """Gives the provider that the settings name, None if they name none; raises Stopped for what does not fit."""
    if not settings.oidc_issuer:
        if not settings.sign_in_with_keys:
            raise Stopped("SIGN_IN_WITH_KEYS: nobody could sign in without keys; set OIDC_ISSUER")
        return None
    if missing := [each.upper() for each in ("oidc_client_id", "oidc_pages_url") if not getattr(settings, each)]:
        raise Stopped(f"OIDC_ISSUER: it needs {' and '.join(missing)}")
    if settings.oidc_api_audience == settings.oidc_client_id:
        # An ID token, which is for the client, would else be close to one for the API.
        raise Stopped("OIDC_API_AUDIENCE: it is the client id; give the API a name of its own at the provider")
    return Provider(settings)


def _tls(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file) if ca_file else httpx.create_ssl_context()
    except OSError:  # ssl.SSLError is one
        raise Stopped(f"OIDC_CA_FILE: {ca_file} cannot be read, or holds no certificate as PEM") from None
