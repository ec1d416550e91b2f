"""The composition root: settings → database, cipher, notifier, target. Built once a process, closed with it."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.address import session_parameters
from app.db.cipher import Cipher, cipher_of, new_key
from app.db.engine import close, connect
from app.errors import Stopped
from app.jobs.notifier import Notifier
from app.private_files import open_to_others
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


@asynccontextmanager
async def running(
    settings: Settings, *, pool: int = 10, name: str = "provkedja", idle_limit: float | None = None
) -> AsyncIterator[Runtime]:
    """Builds a process's parts, and closes them; raises Stopped when a setting that it needs is missing or unusable."""
    _check_ca_file("SKOLVERKET_CA_FILE", settings.skolverket_ca_file)
    _check_ca_file("REDIS_CA_FILE", settings.redis_ca_file)
    address, prepare = settings.database_url.get_secret_value(), settings.database_prepare
    engine = connect(address, pool=pool, name=name, idle_limit=idle_limit, prepare=prepare)
    checks = connect(address, pool=1, name=f"{name} checks")
    target = target_of(settings)
    search_key = settings.search_key.get_secret_value()
    cipher = cipher_of(_encryption_keys(settings), search_key, target.published.specimens)
    notifier = Notifier(settings.redis_url.get_secret_value(), settings.redis_ca_file)
    try:
        yield Runtime(settings, engine, checks, cipher, notifier, target)
    finally:
        await notifier.close()
        await close(checks)
        await close(engine)


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
    fresh = new_key()
    address, redis = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
    search_key = settings.search_key.get_secret_value()
    checks: tuple[Callable[[], object], ...] = (
        lambda: session_parameters(address, "check"),
        lambda: Notifier(redis, settings.redis_ca_file),
        lambda: _check_ca_file("REDIS_CA_FILE", settings.redis_ca_file),
        lambda: cipher_of(_encryption_keys(settings), fresh),
        lambda: cipher_of(f"fresh:{fresh}", search_key),
        lambda: _check_ca_file("SKOLVERKET_CA_FILE", settings.skolverket_ca_file),
        lambda: target_of(settings),
    )
    for check in checks:
        try:
            check()
        except Stopped as stopped:
            yield str(stopped)


def _encryption_keys(settings: Settings) -> str:
    given, path = settings.encryption_keys.get_secret_value(), settings.encryption_keys_file
    if not path:
        return given
    if given:
        raise Stopped("ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE are both set: leave one of them out")
    try:
        if open_to_others(Path(path).stat()):
            raise Stopped(f"ENCRYPTION_KEYS_FILE: others can open {path}: take that right away (chmod 0400)")
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise Stopped(f"ENCRYPTION_KEYS_FILE: {path} cannot be read, or is no text") from None


def _check_ca_file(name: str, path: str) -> None:
    if not path:
        return
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise Stopped(f"{name}: there is no file {path}") from None
    except OSError:  # ssl.SSLError is one
        raise Stopped(f"{name}: {path} cannot be read, or holds no certificate as PEM") from None
