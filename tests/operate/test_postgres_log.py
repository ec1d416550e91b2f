"""What compose.yaml has Postgres write into its log: what happens to the server, and no value of anybody's."""

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg

from app.local.postgres import round_trip
from tests.conftest import _quick_folder, _wait
from tests.operate.compose_servers import OPTIONS, ComposePostgres

# One for each place that a value can stand in.
UNIQUE, CAST, LONG, COPIED, SLOW, CHECKED, BOUND, RAISED, KILLED = (
    f"marker-{name}" for name in ("unique", "cast", "long", "copied", "slow", "checked", "bound", "raised", "killed")
)
MARKERS = {UNIQUE, CAST, LONG, COPIED, SLOW, CHECKED, BOUND, RAISED, KILLED}
# What somebody might have set who looked for slow statements, or what Postgres does by itself.
TALKATIVE = [
    *("log_min_messages=warning", "log_min_error_statement=error", "log_error_verbosity=default"),
    *("log_parameter_max_length=-1", "log_parameter_max_length_on_error=-1", "log_min_duration_statement=10ms"),
]


@contextlib.contextmanager
def running(*options: str) -> Iterator[ComposePostgres]:
    with tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder()) as folder:
        Path(folder).chmod(0o755)
        server = ComposePostgres(Path(folder, "postgres"), options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def provoke(server: ComposePostgres) -> None:
    """Has every kind of error happen that quotes a value, a slow statement, and a crash in the middle of one."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE pupil (name text UNIQUE CHECK (name NOT LIKE '%checked'), year integer)")
        connection.execute("INSERT INTO pupil VALUES (%s)", [UNIQUE])
        for statement, given in (
            ("INSERT INTO pupil VALUES (%s)", UNIQUE),
            (f"SELECT '{CAST}'::integer", None),
            # Too long for the index, however well it is packed.
            (f"INSERT INTO pupil SELECT '{LONG}' || string_agg(md5(n::text), '') FROM generate_series(1, 500) n", None),
            ("INSERT INTO pupil VALUES (%s)", CHECKED),
            ("SELECT length(%s)::text::date", BOUND),
            (f"DO $$ BEGIN RAISE EXCEPTION 'no {RAISED}'; END $$", None),
        ):
            with contextlib.suppress(psycopg.Error):
                connection.execute(statement, None if given is None else [given])
        with (
            contextlib.suppress(psycopg.Error),
            connection.cursor() as cursor,
            cursor.copy("COPY pupil FROM STDIN") as to,
        ):
            to.write(f"a\t{COPIED}\n")
        connection.execute("SELECT pg_sleep(0.1), %s", [SLOW])
    killed(server)


def killed(server: ComposePostgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as dying, psycopg.connect(server.url, autocommit=True) as beside:

        def run() -> None:
            with contextlib.suppress(psycopg.Error):
                dying.execute(f"SELECT pg_sleep(600), '{KILLED}'")

        thread, pid = threading.Thread(target=run), dying.info.backend_pid
        thread.start()
        asleep = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        _wait(lambda: beside.execute(asleep, [pid]).fetchone() is not None, "the statement to be under way")
        os.kill(pid, signal.SIGKILL)
        thread.join()
    _wait(lambda: "terminated by signal 9" in server.log.read_text(), "the crash to be written down")
    # One that is told to end while it recovers takes its time.
    _wait(lambda: answers(server), "Postgres to be back")


def answers(server: ComposePostgres) -> bool:
    try:
        round_trip(server.url)
    except psycopg.Error:
        return False
    return True


def found(server: ComposePostgres) -> set[str]:
    written = server.log.read_text(errors="replace")
    return {marker for marker in MARKERS if marker in written}


def test_no_value_gets_into_the_log_with_composes_options() -> None:
    """And what happens to the server does."""
    with running(*(each for each in OPTIONS if each.startswith("log_"))) as server:
        provoke(server)
        assert found(server) == set()
        assert "terminated by signal 9" in server.log.read_text()


def test_each_of_them_would_otherwise_be_in_it() -> None:
    """So what is looked for above is really there to be found."""
    with running(*TALKATIVE) as server:
        provoke(server)
        assert found(server) == MARKERS
