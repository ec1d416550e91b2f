"""Every environment variable: its default and what it means. Reading them is the only thing that happens here."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024


_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(given: Any) -> Any:
    if isinstance(given, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?) ?([smhd]?)", given.strip())):
        return timedelta(**{_UNITS[found[2]]: float(found[1])})
    return given


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
    redis_ca_file: Annotated[
        str, Field(description="PEM file of the authorities trusted for `rediss://`, in place of the system's.")
    ] = ""
    encryption_keys: Annotated[
        SecretStr,
        Field(
            description="Keys for personal data at rest: `id:base64 of 32 bytes`, comma separated; "
            "the first one encrypts, all decrypt."
        ),
    ] = SecretStr("")
    search_key: Annotated[
        SecretStr,
        Field(
            description="Key of the search and of contents' digests: base64 of 32 bytes. A new one empties the search."
        ),
    ] = SecretStr("")
    skolverket_provisioning_url: Annotated[str, Field(description="Base address of the Provisioning API.")] = (
        "http://127.0.0.1:8100/provisioning/v1"
    )
    skolverket_open_data_url: Annotated[str, Field(description="Base address of the open-data API.")] = (
        "http://127.0.0.1:8100/open-data/v1"
    )
    skolverket_authorisation_url: Annotated[
        str, Field(description="The authorisation server's `/transaction` endpoint.")
    ] = "http://127.0.0.1:8100/transaction"
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
    worker_metrics_port: Annotated[
        int, Field(ge=0, le=65535, description="Where a worker serves `/metrics`, its own figures; at 0 it does not.")
    ] = 0
    worker_metrics_host: Annotated[
        str, Field(min_length=1, description="Address at which it does; whoever reaches it needs no key.")
    ] = "127.0.0.1"
    sweep_seconds: Annotated[
        float, Internal(), Field(gt=0, description="How often the worker that calls looks for due jobs by itself.")
    ] = 1
    kill_at: Annotated[
        str,
        Internal(),
        Field(
            pattern=r"^([a-z]+_[a-z]+:[a-z_]+)?$",
            description="For tests: the point at which the process dies, e.g. `after_commit:claim`.",
        ),
    ] = ""
    log_level: Annotated[
        str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe level logged.")
    ] = "INFO"
