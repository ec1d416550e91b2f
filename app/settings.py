"""Every environment variable: its default and what it means. Reading them is the only thing that happens here."""

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.plain_addresses import plain_to_postgres, plain_to_redis

_MIB = 1024 * 1024


# Nothing goes sooner; that no row of the audit does, the database holds too (`cut_audit`).
LEAST_KEPT = timedelta(days=30)

_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NOT_PLAIN = " and looking at who answers; PLAIN_TO_SERVERS=on takes it where something else protects the way"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def read_duration(text: str) -> timedelta:
    """Reads a length of time such as `90 s`, `30 m`, `6 h` or `90d`.

    Raises ValueError for what is none, as for a number without a unit.
    """
    form = _DURATION.fullmatch(text.strip())
    if form is None:
        raise ValueError("give a number with its unit (s, m, h or d), such as `90 s`, `30 m`, `6 h`")
    return timedelta(**{_UNITS[form[2]]: float(form[1])})


def _duration(given: Any) -> Any:
    # The form of ISO 8601, `PT6H`, is read by pydantic.
    return read_duration(given) if isinstance(given, str) and not given.startswith("P") else given


def _address(given: str) -> str:
    """Refuses an address that is none, or over which what is personal would go in clear to another machine."""
    if not given:
        return given
    try:
        parts = urlsplit(given)
    except ValueError:  # which repeats it
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give an address such as `https://host/path`")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address has no user or password in it: organisations have certificates")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("plain http goes to this machine alone: give an https address")
    return given


def _networks(given: str) -> str:
    """Refuses what is neither an address nor a network."""
    for each in given.split(","):
        try:
            if each.strip():
                ip_network(each.strip())
        except ValueError:
            raise ValueError("give addresses or networks such as `10.0.0.5, 10.1.0.0/16`") from None
    return given


def effective(settings: "Settings") -> dict[str, str]:
    """Gives what is in force, by the names of the variables, each written as it can be set; of secrets, whether.

    Settings for tests are left out unless they are set.
    """
    return {
        name.upper(): _shown(getattr(settings, name))
        for name, field in Settings.model_fields.items()
        if name in settings.model_fields_set or not any(isinstance(each, Internal) for each in field.metadata)
    }


def _shown(value: object) -> str:
    match value:
        case SecretStr():
            return "(set)" if value.get_secret_value() else "(not set)"
        case bool():
            return "on" if value else "off"
        case None:
            return ""
        case timedelta():
            seconds = value.total_seconds()
            lengths = ((86400, "d"), (3600, "h"), (60, "m"))
            length, unit = next((each for each in lengths if seconds and not seconds % each[0]), (1, "s"))
            return f"{seconds / length:g} {unit}"
        case int():
            return f"{value:_}" if value > 9999 else str(value)
    return str(value)


class Internal:
    """Marks a setting that is there for tests, and that no operator is told of."""


class Settings(BaseSettings):
    """What an operator can set. A missing or malformed value ends the process with its name, never its content."""

    model_config = SettingsConfigDict(hide_input_in_errors=True, extra="ignore", frozen=True)

    database_url: Annotated[
        SecretStr,
        Field(
            description="Postgres 15 to 18: `postgresql://user:password@host:port/name`, or another form of libpq's."
        ),
    ] = SecretStr("")
    database_url_file: Annotated[
        str, Field(description="A file that holds this address, in place of `DATABASE_URL`; not for others to read.")
    ] = ""
    database_prepare: Annotated[
        bool,
        Field(description="`on` prepares statements, for a little speed; not through a pooler in transaction mode."),
    ] = False
    redis_url: Annotated[
        SecretStr,
        Field(
            description="Redis or Valkey, for wake-ups: `redis://:password@host:port/0`, `rediss://…` with TLS, or "
            "`unix:///path?db=0`."
        ),
    ] = SecretStr("")
    redis_url_file: Annotated[
        str, Field(description="A file that holds this address, in place of `REDIS_URL`; not for others to read.")
    ] = ""
    redis_ca_file: Annotated[
        str, Field(description="PEM file of the authorities trusted for `rediss://`, in place of the system's.")
    ] = ""
    plain_to_servers: Annotated[
        bool,
        Field(
            description="`on` lets `DATABASE_URL` and `REDIS_URL` lead to other machines without TLS that looks at who "
            "answers: where something else protects the way, such as a mesh."
        ),
    ] = False
    encryption_keys: Annotated[
        SecretStr,
        Field(
            description="Keys for personal data at rest: `id:base64 of 32 bytes`, comma separated; "
            "the first one encrypts, all decrypt."
        ),
    ] = SecretStr("")
    encryption_keys_file: Annotated[
        str, Field(description="A file that holds these keys, in place of `ENCRYPTION_KEYS`; not for others to read.")
    ] = ""
    token_keys: Annotated[
        SecretStr,
        Field(
            description="Keys for Skolverket's tokens at rest, in the same form, given to workers alone; without any a "
            "token stays in the memory of the worker that calls, and the next one asks for its own."
        ),
    ] = SecretStr("")
    token_keys_file: Annotated[
        str, Field(description="A file that holds these keys, in place of `TOKEN_KEYS`; not for others to read.")
    ] = ""
    skolverket_provisioning_url: Annotated[
        str,
        AfterValidator(_address),
        Field(description="Base address of the Provisioning API: https, or plain http on this machine."),
    ] = ""
    skolverket_open_data_url: Annotated[
        str, AfterValidator(_address), Field(description="Base address of the open-data API; the same is asked of it.")
    ] = ""
    skolverket_authorisation_url: Annotated[
        str,
        AfterValidator(_address),
        Field(description="The authorisation server's `/transaction` endpoint; the same is asked of it."),
    ] = ""
    skolverket_ca_file: Annotated[
        str,
        Field(
            description="PEM file of the authorities trusted for Skolverket's servers, in place of the well-known ones."
        ),
    ] = ""
    skolverket_authorisation_pins: Annotated[
        str,
        Field(
            pattern=r"^(sha256//[A-Za-z0-9+/]{43}=(, ?sha256//[A-Za-z0-9+/]{43}=)*)?$",
            description="Public keys that the authorisation server may have: `sha256//base64`, comma separated; "
            "without one, any that an authority vouches for.",
        ),
    ] = ""
    certificate_folder: Annotated[
        str,
        Field(min_length=1, description="Where organisations' certificates and keys lie that have a relative name."),
    ] = "certificates"
    skolverket_calls_per_second: Annotated[
        float, Field(gt=0, le=1000, description="Sending and status calls a second from one client address.")
    ] = 5
    skolverket_reads_per_second: Annotated[
        float, Field(gt=0, le=1000, description="Reading calls a second from one client address.")
    ] = 10
    skolverket_timeout: Annotated[
        float, Field(gt=0, le=12, description="Seconds until a call without an answer counts as a fault.")
    ] = 10
    skolverket_answer_after: Annotated[
        float,
        Internal(),
        Field(
            gt=0,
            le=60,
            description="Seconds until a batch's answer is asked for, as a first guess: the usual time of each kind is "
            "learned from the answers.",
        ),
    ] = 1.2
    fault_horizon: Annotated[
        timedelta,
        BeforeValidator(_duration),
        Field(
            description="How long faults are met with another try, e.g. `90 s`, `30 m`, `6 h`; then it ends in error."
        ),
    ] = timedelta(hours=6)
    open_data_refresh: Annotated[
        timedelta,
        BeforeValidator(_duration),
        Field(
            gt=timedelta(),
            description="How often Skolverket's open data (school units, programmes, exams) is read, e.g. `12 h`.",
        ),
    ] = timedelta(hours=12)
    erasures_file: Annotated[
        str,
        Field(
            description="The file in which workers write each erasure, without a name, so that it can be done again "
            "after a backup was restored; without it nothing is erased. Commands and workers have one and the same."
        ),
    ] = ""
    retention_content: Annotated[
        timedelta,
        BeforeValidator(_duration),
        Field(
            ge=LEAST_KEPT,
            description="How long texts and values are kept after the end of the last run that has them, or the last "
            "day in a current roster, e.g. `365 d`; then they go. At least 30 days.",
        ),
    ] = timedelta(days=365)
    retention_history: Annotated[
        timedelta,
        BeforeValidator(_duration),
        Field(
            description="How long runs, with ids, states, codes and times, are kept after their end, e.g. `1095 d`; "
            "then they go. Not shorter than `RETENTION_CONTENT`.",
        ),
    ] = timedelta(days=1095)
    max_roster_bytes: Annotated[int, Field(gt=0, description="Largest body of `PUT /activities/{id}`.")] = 64 * _MIB
    max_organisation_bytes: Annotated[
        int,
        Field(
            gt=0,
            description="What an organisation's rosters may take together, in bytes as stored; what is in two of them "
            "counts for both.",
        ),
    ] = 16 * 1024 * _MIB
    max_organisation_waiting_runs: Annotated[
        int,
        Field(
            gt=0,
            description="Runs of an organisation that may wait, over all activities; with so many no more is accepted.",
        ),
    ] = 1000
    egress: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$",
            description="The client address from which this worker calls, by a name of yours: as Skolverket sees it. "
            "Workers behind one address have one name; two names behind one address break Skolverket's limit.",
        ),
    ] = "default"
    worker_jobs: Annotated[
        int, Field(gt=0, le=2000, description="Jobs that the worker which calls has in hand at once.")
    ] = 500
    cors_origins: Annotated[
        str,
        Field(
            pattern=r"^(https?://[a-z0-9.-]+(:[0-9]+)?(, ?https?://[a-z0-9.-]+(:[0-9]+)?)*)?$",
            description="Web pages that may call with a key, by origin: `https://skola.example`, comma separated.",
        ),
    ] = ""
    tls_certificate_file: Annotated[
        str,
        Field(
            description="PEM file with the certificate, and those above it, that `serve` and the figures of a process "
            "show: they speak TLS then, and no plain http. A file that is replaced is taken at once. If nothing is set "
            "they speak plain http, for a proxy on the same machine.",
        ),
    ] = ""
    tls_key_file: Annotated[str, Field(description="PEM file with its key, which nobody else can open.")] = ""
    trusted_proxies: Annotated[
        str,
        AfterValidator(_networks),
        Field(
            description="Addresses or networks of the proxies in front of `serve`, comma separated: `10.0.0.5, "
            "10.1.0.0/16`. Only what these say of who asks, and over what, is believed (`X-Forwarded-For`, "
            "`X-Forwarded-Proto`); they must not pass on what a client sends under these names.",
        ),
    ] = ""
    requests_per_second_per_key: Annotated[
        float,
        Field(
            gt=0,
            description="Requests a second that a process of `serve` takes of one key, and five seconds' worth at "
            "once; polls that are answered from memory count a tenth. Beyond it: 429.",
        ),
    ] = 100
    requests_per_second_per_organisation: Annotated[
        float, Field(gt=0, description="The same of all keys of an organisation together.")
    ] = 200
    max_streams_per_key: Annotated[
        int, Field(gt=0, description="Event streams that one key may have open at once with a process of `serve`.")
    ] = 1000
    webhooks_to_loopback: Annotated[
        bool,
        Field(
            description="`on` lets webhooks go to this machine itself, over plain http too: to try them out, and never "
            "where others make them."
        ),
    ] = False
    sign_in_over_http: Annotated[
        bool,
        Field(
            description="`on` lets people sign in to the pages over plain http at `127.0.0.1` or `localhost`: to try "
            "them out, and never behind a proxy."
        ),
    ] = False
    sign_in_with_keys: Annotated[
        bool,
        Field(
            description="`off` lets keys of organisations sign nobody in to the pages, where `OIDC_ISSUER` is set; "
            "operators' keys and the API are as before."
        ),
    ] = True
    oidc_issuer: Annotated[
        str,
        AfterValidator(_address),
        Field(
            description="The OpenID provider at which people sign in to the pages, as its discovery document names "
            "it, to the letter; nobody does without one. https, or plain http on this machine."
        ),
    ] = ""
    oidc_provider_name: Annotated[
        str, Field(max_length=60, description="What people know it as: the button says `Logga in med` and this.")
    ] = ""
    oidc_client_id: Annotated[str, Field(max_length=256, description="What the provider knows the pages as.")] = ""
    oidc_client_secret: Annotated[
        SecretStr, Field(description="The secret of this client; none of one that is public, which has PKCE alone.")
    ] = SecretStr("")
    oidc_client_secret_file: Annotated[
        str, Field(description="A file that holds it, in place of `OIDC_CLIENT_SECRET`; not for others to read.")
    ] = ""
    oidc_pages_url: Annotated[
        str,
        AfterValidator(_address),
        Field(
            description="Where browsers find this service, such as `https://prov.example.se`: the provider sends them "
            "back to `/historik/logga-in/svar` there."
        ),
    ] = ""
    oidc_scope: Annotated[
        str,
        Field(
            pattern=r"^openid( [!#-\[\]-~]+)*$",
            description="What is asked of the provider, `openid` first; more where it tells groups or roles for more "
            "alone.",
        ),
    ] = "openid"
    oidc_algorithms: Annotated[
        str,
        Field(
            pattern=r"^(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA)"
            r"(, ?(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA))*$",
            description="How tokens may be signed, comma separated: with keys of two halves alone.",
        ),
    ] = "RS256,PS256,ES256,EdDSA"
    oidc_ca_file: Annotated[
        str,
        Field(description="PEM file of the authorities trusted for the provider, in place of the well-known ones."),
    ] = ""
    oidc_api_audience: Annotated[
        str,
        Field(
            max_length=256,
            description="What access tokens for the API have as `aud`, and not the client id: the API takes them as "
            "Bearer tokens then.",
        ),
    ] = ""
    oidc_step_up_acr: Annotated[
        str,
        Field(
            pattern=r"^([!-~]+( [!-~]+)*)?$",
            description="Values of `acr`, apart by spaces, one of which a sign-in has to have to show protected "
            "persons, beside being of the last five minutes; without any no Bearer token shows them.",
        ),
    ] = ""
    oidc_step_up_minutes: Annotated[
        int,
        Field(gt=0, le=480, description="For how long the pages, and Bearer tokens of persons, show them after that."),
    ] = 15
    metrics_port: Annotated[
        Annotated[int, Field(ge=0, le=65535)] | None,
        BeforeValidator(lambda given: None if given == "" else given),
        Field(
            description="Where a process serves `/metrics`: `serve` at 9100 and `worker` at 9101 if nothing is set; 0 "
            "takes any free port and logs it. A port that is taken is said, and gone without.",
        ),
    ] = None
    metrics_host: Annotated[
        str, Field(min_length=1, description="Address at which it does; whoever reaches it needs no key.")
    ] = "127.0.0.1"
    build_commit: Annotated[
        str,
        Field(
            pattern=r"^([0-9a-f]{7,40})?$",
            description="The commit that an image was built from: `GET /version` and the figures tell it.",
        ),
    ] = ""
    sweep_seconds: Annotated[
        float, Internal(), Field(gt=0, description="How often the worker that calls looks for due jobs by itself.")
    ] = 1
    log_level: Annotated[
        str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe level logged.")
    ] = "INFO"

    @model_validator(mode="after")
    def _history_outlives_contents(self) -> Self:
        if self.retention_history < self.retention_content:
            raise ValueError("RETENTION_HISTORY: it is shorter than RETENTION_CONTENT; contents go first")
        return self

    @model_validator(mode="after")
    def _protected_on_the_way(self) -> Self:
        if self.plain_to_servers:
            return self
        if plain_to_postgres(self.database_url.get_secret_value()):
            raise ValueError(f"DATABASE_URL: it leads to another machine without `sslmode=verify-full`{_NOT_PLAIN}")
        if plain_to_redis(self.redis_url.get_secret_value()):
            raise ValueError(f"REDIS_URL: it leads to another machine without `rediss://`{_NOT_PLAIN}")
        return self


def sentences(wrong: ValidationError) -> list[str]:
    """Says what is wrong with settings, a sentence for each, with its name and without its value."""
    found = ((error["loc"], error["msg"].removeprefix("Value error, ")) for error in wrong.errors())
    # What is wrong with two of them together names them itself.
    return [f"{str(place[0]).upper()}: {text}" if place else text for place, text in found]
