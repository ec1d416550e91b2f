"""The composition root: settings → database, cipher, notifier, target. Built once a process, closed with it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.address import session_parameters
from app.db.cipher import Cipher, cipher_of, forget_unused_keys
from app.db.engine import close, connect
from app.errors import Stopped
from app.jobs.notifier import Notifier
from app.oidc.provider import Provider, provider_of
from app.secret_files import SECRETS, with_secret
from app.settings import Settings
from app.skolverket.auth import Authorisation
from app.skolverket.published import PUBLISHED
from app.skolverket.target import Skolverket
from app.target import Limits, Published, Target

_ADDRESSES: Final = ("skolverket_provisioning_url", "skolverket_open_data_url", "skolverket_authorisation_url")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process works with."""

    settings: Settings
    engine: AsyncEngine
    # A connection of its own for those who ask whether all is well: the others may all be in use.
    checks: AsyncEngine
    cipher: Cipher
    notifier: Notifier
    target: Target
    # Where people sign in; None where nobody does but with a key.
    provider: Provider | None = None


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    pool: int = 10,
    name: str = "provkedja",
    idle_limit: float | None = None,
    signs_in: bool = False,
) -> AsyncIterator[Runtime]:
    """Builds a process's parts, and closes them; raises Stopped when a setting that it needs is missing or unusable.

    Who `signs_in` people has the provider of the settings; nobody else asks it anything.
    """
    _check_ca_file("REDIS_CA_FILE", settings.redis_ca_file)
    address, prepare = settings.database_url.get_secret_value(), settings.database_prepare
    engine = connect(address, pool=pool, name=name, idle_limit=idle_limit, prepare=prepare)
    checks = connect(address, pool=1, name=f"{name} checks")
    target = target_of(settings)
    cipher = cipher_of(settings.encryption_keys.get_secret_value(), target.published.specimens)
    provider = provider_of(settings) if signs_in else None
    notifier = Notifier(settings.redis_url.get_secret_value(), settings.redis_ca_file)
    forgetting = asyncio.create_task(forget_unused_keys(cipher))
    try:
        yield Runtime(settings, engine, checks, cipher, notifier, target, provider)
    finally:
        forgetting.cancel()
        await notifier.close()
        await close(checks)
        await close(engine)


def token_cipher(settings: Settings) -> Cipher | None:
    """Gives the keys for tokens, which a worker has and the API does not; None without any. Raises Stopped."""
    keys = settings.token_keys.get_secret_value()
    return cipher_of(keys, setting="TOKEN_KEYS") if keys else None


def check_for_calls(settings: Settings) -> None:
    """Raises Stopped when a file that calls to the target need can't be used; what organisations have is looked at
    when they call.
    """
    _check_ca_file("SKOLVERKET_CA_FILE", settings.skolverket_ca_file)


def target_of(settings: Settings) -> Target:
    """Builds the target that the settings lead to; nothing is called. Raises Stopped without its addresses."""
    if missing := [name for name in _ADDRESSES if not getattr(settings, name)]:
        raise Stopped(f"{', '.join(missing).upper()}: not set; name the services that organisations' rosters go to")
    pins = settings.skolverket_authorisation_pins.split(",")
    return Skolverket(
        settings.skolverket_provisioning_url,
        settings.skolverket_open_data_url,
        Authorisation(
            settings.skolverket_authorisation_url,
            settings.skolverket_provisioning_url,
            settings.skolverket_ca_file,
            frozenset(pin.strip() for pin in pins if pin.strip()),
            settings.certificate_folder,
        ),
        Limits(settings.skolverket_calls_per_second, settings.skolverket_reads_per_second),
    )


def published() -> Published:
    """Gives what the target has published, which no setting changes."""
    return PUBLISHED


def problems(settings: Settings) -> Iterator[str]:
    """Says in a sentence each what would keep a process from starting with these settings, or from all of its work.

    Nobody is called: whether Postgres, Redis and Skolverket answer is the doctor's to say.
    """
    unread = set[str]()
    for name in SECRETS:
        try:
            settings = with_secret(settings, name)
        except Stopped as stopped:
            unread.add(name)
            yield str(stopped)
    address, redis = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("database_url", lambda: session_parameters(address, "check")),
        ("redis_url", lambda: Notifier(redis, settings.redis_ca_file)),
        ("redis_ca_file", lambda: _check_ca_file("REDIS_CA_FILE", settings.redis_ca_file)),
        ("encryption_keys", lambda: cipher_of(settings.encryption_keys.get_secret_value())),
        ("token_keys", lambda: token_cipher(settings)),
        ("oidc_client_secret", lambda: provider_of(settings)),
        ("skolverket_ca_file", lambda: check_for_calls(settings)),
        ("skolverket_provisioning_url", lambda: target_of(settings)),
    )
    for _, check in (each for each in checks if each[0] not in unread):
        try:
            check()
        except Stopped as stopped:
            yield str(stopped)


def _check_ca_file(name: str, path: str) -> None:
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise Stopped(f"{name}: there is no file {path}") from None
    except OSError:  # ssl.SSLError is one
        raise Stopped(f"{name}: {path} cannot be read, or holds no certificate as PEM") from None
