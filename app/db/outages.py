"""Why the database cannot be used, as codes of the catalogue: made of what the server or the driver said, which may
hold names and addresses, and is shown nowhere.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from app.catalogue import trouble_texts
from app.errors import Stopped

OLDEST, NEWEST = 15, 18

_SQLSTATES: Final = {
    "25006": "database_read_only",
    "25P03": "database_slow",
    "25P04": "database_slow",
    "28000": "database_not_allowed",
    "28P01": "database_login",
    "3D000": "database_missing",
    "42501": "database_not_allowed",
    "42P01": "not_migrated",
    "42703": "not_migrated",
    "42883": "not_migrated",
    "53100": "database_full",
    "53300": "database_connections",
    "55000": "database_standby",
    "55P03": "database_slow",
    "57014": "database_slow",
    "57P01": "database_starting",
    "57P02": "database_starting",
    "57P03": "database_starting",
    "57P05": "database_slow",
}
# Classes: connection, insufficient resources, operator intervention, system error.
_CLASSES: Final = {
    "08": "database_away",
    "53": "database_error",
    "57": "database_starting",
    "58": "database_error",
}
# A connection that is refused has no SQLSTATE in the driver. Of several hosts, the one that came furthest counts: who
# was let in furthest stands first.
_TEXTS: Final = {
    r"in hot standby mode|server is not in hot standby": "database_standby",
    r"session is (not )?read-only": "database_read_only",
    r"too many (connections|clients)|connection slots are reserved|no more connections allowed|query_wait_timeout": (
        "database_connections"
    ),
    r"no encryption|SSL off": "database_tls_required",
    r"certificate": "database_certificate",
    r"no pg_hba\.conf entry|permission denied for database|not currently accepting connections": "database_not_allowed",
    r"(?<!role) \"[^\"]*\" does not exist|no such database": "database_missing",
    r"authentication failed|no password supplied|password|not permitted to log in|role \"[^\"]*\" does not exist": (
        "database_login"
    ),
    r"does not support SSL": "database_tls_refused",
    r"unsupported frontend protocol": "database_protocol",
    r"invalid response|expected authentication request": "database_protocol",
    r"the database system is|server closed the connection": "database_starting",
    r"unsupported startup parameter": "database_pooler",
    r"invalid (sslmode|\w+ value|port|connection option|integer value)|configuration parameter|requires a value"
    r"|[Ss]ervname not supported": "database_address",
    r"timeout expired|timed out|[Nn]o route to host|unreachable": "database_timeout",
    r"[Cc]onnection refused|[Nn]o such file or directory": "database_refused",
    r"resolve host|translate host name|[Nn]ame or service not known": "database_host",
}
# What may pass while a process waits for it; of anything else it is of no use to wait.
_MAY_PASS: Final = {
    *("database_away", "database_connections", "database_full", "database_host", "database_read_only"),
    *("database_refused", "database_slow", "database_standby", "database_starting", "database_timeout"),
}


class DatabaseUnusable(Stopped):
    """The database cannot be used as it is, for the reason that `code` and its `values` name."""

    def __init__(self, code: str, values: Mapping[str, object] | None = None) -> None:
        self.code, self.values = code, values or {}
        super().__init__(trouble_texts(code, self.values, datetime.now(UTC)).means)

    @property
    def may_pass(self) -> bool:
        """Tells whether waiting may help."""
        return self.code in _MAY_PASS


def outage_code(sqlstate: str | None, kind: str, text: str) -> str:
    """Gives the code of what went wrong, from the SQLSTATE, if there is one, the exception's name and its text."""
    of_state = _SQLSTATES.get(sqlstate or "")
    # Postgres refuses both unencrypted connections and strangers by one SQLSTATE.
    if of_state and not (sqlstate or "").startswith("28"):
        return of_state
    of_text = next((code for pattern, code in _TEXTS.items() if re.search(pattern, text)), None)
    if code := of_text or of_state:
        return code
    if "Timeout" in kind:
        return "database_timeout"
    # Class 08: the connection.
    return "database_error" if sqlstate and not sqlstate.startswith("08") else "database_away"


def outage_of_state(sqlstate: str) -> str | None:
    """Gives the code of an outage from an SQLSTATE alone; None for what one statement meets, such as a bad value."""
    return _SQLSTATES.get(sqlstate) or _CLASSES.get(sqlstate[:2])


def outage_of(problem: BaseException) -> DatabaseUnusable:
    """Says why the database could not be used, from what SQLAlchemy, psycopg or a socket raised."""
    if isinstance(problem, DatabaseUnusable):
        return problem
    inner = getattr(problem, "orig", None) or problem
    return DatabaseUnusable(outage_code(getattr(inner, "sqlstate", None), type(inner).__name__, str(inner)))


def session_outage(found: Mapping[str, str], pinned: Mapping[str, str]) -> DatabaseUnusable | None:
    """Says why a session that stands cannot be used, from the server's settings and from those that it was given."""
    major = int(found["server_version_num"]) // 10_000
    if not OLDEST <= major <= NEWEST:
        return DatabaseUnusable("database_version", {"found": major, "oldest": OLDEST, "newest": NEWEST})
    if found["server_encoding"] != "UTF8":
        return DatabaseUnusable("database_encoding", {"found": found["server_encoding"]})
    if lost := sorted(name for name, value in pinned.items() if found[name] != value):
        return DatabaseUnusable("database_settings", {"lost": lost})
    if found["in_recovery"] == "true":
        return DatabaseUnusable("database_standby")
    return DatabaseUnusable("database_read_only") if found["transaction_read_only"] == "on" else None
