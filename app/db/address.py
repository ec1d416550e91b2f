"""DATABASE_URL in any of libpq's forms, and what every session to it is given besides.

What a URL says of its connection holds, its `options` too; what the code relies on is set behind it, and holds as well.
"""

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from app.db.outages import DatabaseUnusable

# Times and intervals are read and written, and texts quoted, as these say; all of UTF-8 goes in and comes out; and the
# guards look at what others have committed, which a snapshot from before would hide from them.
PINNED = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
}
# A server that has gone silent, after a failover or behind a network that forgot us, is away as well.
_UNLESS_SAID = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_SCHEME, _OF_SQLALCHEMY = "postgresql://", "postgresql+psycopg://"


def session_parameters(address: str, name: str, idle_limit: float | None = None) -> dict[str, str]:
    """Gives libpq's parameters for a session at `address`, a URL or `key=value` pairs, which calls itself `name`.

    The server ends the session when it leaves a transaction lying for `idle_limit` seconds. Raises DatabaseUnusable
    for an address that is none, without repeating it.
    """
    if not address.strip():
        raise DatabaseUnusable("database_not_set")
    try:
        given = conninfo_to_dict(address.replace(_OF_SQLALCHEMY, _SCHEME, 1))
    except ProgrammingError:
        raise DatabaseUnusable("database_address") from None
    theirs = {key: str(value) for key, value in given.items() if value is not None}
    settings = dict(PINNED)
    if idle_limit is not None:
        settings["idle_in_transaction_session_timeout"] = f"{idle_limit:g}s"
    # The server takes the last of two; `client_encoding` is a parameter of its own, which it reads after the options.
    ours = [f"-c {key}={value.replace(' ', chr(92) + ' ')}" for key, value in settings.items()]
    return {
        **_UNLESS_SAID,
        **theirs,
        "client_encoding": PINNED["client_encoding"],
        "application_name": name,
        "options": " ".join([theirs["options"], *ours] if "options" in theirs else ours),
    }
