"""The embedded servers are real, shared by all who use a folder, and gone with their last user, however it ends."""

import fcntl
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import redis

from app.errors import Stopped
from app.local import postgres, valkey
from app.local.embedded import STATE, Servers, embedded_servers
from app.local.postgres import Postgres
from app.local.valkey import Valkey
from tests.conftest import _quick_folder

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")

# Says when it uses the servers and under which address; goes when its stdin ends.
_USER = """
import sys
from pathlib import Path
from app.local.embedded import embedded_servers
with embedded_servers(Path(sys.argv[1]), durable=sys.argv[2] == "durable") as servers:
    print(servers.database_url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Postgres can also reach as a user that root has stepped down to."""
    with tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder()) as made:
        yield Path(made)


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A folder that durable servers have used and left."""
    with tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder()) as made:
        with embedded_servers(Path(made), durable=True):
            pass
        yield Path(made)


@pytest.fixture
def used(folder: Path, kept: Path) -> Path:
    """The test's folder as durable servers have left it: a copy, as making a cluster takes long."""
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def lent() -> Iterator[tuple[Path, Servers]]:
    """A folder with throwaway servers that run, for tests that leave them as they are."""
    with (
        tempfile.TemporaryDirectory(prefix="provkedja-", dir=_quick_folder()) as made,
        embedded_servers(Path(made), durable=False) as servers,
    ):
        yield Path(made), servers


@pytest.fixture
def user(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that use the folder's servers."""
    with ExitStack() as stack:

        def start(use: str = "throwaway") -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", _USER, folder, use],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def test_both_servers_are_real(lent: tuple[Path, Servers]) -> None:
    """What is lent is Postgres and Valkey, each with a password."""
    _, servers = lent
    with psycopg.connect(servers.database_url) as connection:
        row = connection.execute("SELECT current_database(), current_user, current_setting('fsync')").fetchone()
    assert row == ("provkedja", "provkedja_embedded", "off")
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.info("server")["tcp_port"] > 0


def test_nobody_gets_in_without_the_password(lent: tuple[Path, Servers]) -> None:
    """Other users of the machine reach the ports, and nothing behind them."""
    _, servers = lent
    secret = servers.database_url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(servers.database_url.replace(secret, "guess"))
    with pytest.raises(redis.AuthenticationError):
        valkey.round_trip(servers.redis_url.replace(secret, "guess"))


def test_the_password_is_for_the_owner_alone(lent: tuple[Path, Servers]) -> None:
    """No command line carries it, and no file with it can be read by others."""
    folder, servers = lent
    secret = servers.database_url.split(":")[2].split("@")[0]
    assert secret not in subprocess.run(["ps", "-axww", "-o", "args"], capture_output=True, text=True).stdout
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(secret.encode() in path.read_bytes() for path in files)
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or secret.encode() not in path.read_bytes(), path


def test_nothing_is_left_when_the_user_leaves(folder: Path) -> None:
    """On return from the context every process has ended, and a throwaway cluster is gone."""
    with embedded_servers(folder, durable=False):
        pid = _postmaster(folder)
    assert not _alive(pid)
    assert _free(folder)
    assert not (folder / "postgres" / "data").exists()


def test_a_second_user_shares_and_stays(folder: Path, user: Callable[..., subprocess.Popen[str]]) -> None:
    """Two processes get the same servers, which outlive the one that started them."""
    first = user()
    address = _address(first)
    with embedded_servers(folder, durable=False) as servers:
        assert servers.database_url == address
        first.communicate()
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("SELECT 1")
    assert _free(folder)


def test_users_that_come_at_once_get_the_same_servers(folder: Path, user: Callable[..., subprocess.Popen[str]]) -> None:
    """One of them starts the servers, the others wait for it."""
    users = [user() for _ in range(4)]
    assert len({_address(one) for one in users}) == 1
    for one in users:
        assert one.stdin is not None
        one.stdin.close()
    assert [one.wait(60) for one in users] == [0, 0, 0, 0]
    assert _free(folder)


def test_users_that_come_while_others_go_always_find_servers(
    used: Path, user: Callable[..., subprocess.Popen[str]]
) -> None:
    """Whoever meets servers that are about to end waits, and starts new ones."""
    for _ in range(2):
        going = user("durable")
        _address(going)
        assert going.stdin is not None
        coming = user("durable")
        going.stdin.close()
        psycopg.connect(_address(coming)).close()
        coming.communicate()
        assert going.wait(60) == coming.returncode == 0
    assert _free(used)


def test_a_killed_user_leaves_nothing(folder: Path, user: Callable[..., subprocess.Popen[str]]) -> None:
    """After SIGKILL of the only user the servers end by themselves."""
    killed = user()
    _address(killed)
    killed.kill()
    _wait_until_free(folder)


@linux
def test_a_killed_guard_leaves_nothing(used: Path, user: Callable[..., subprocess.Popen[str]]) -> None:
    """The servers do not outlive the process that owns them, and its next user begins anew over the same data."""
    first = user("durable")
    with psycopg.connect(_address(first)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
    guard = _parent(_postmaster(used))
    os.kill(guard, signal.SIGKILL)
    with (used / "guard.lock").open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)  # given when the kernel has ended it
    with embedded_servers(used, durable=True) as servers, psycopg.connect(servers.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (1,)


def test_a_crashed_cluster_starts_again(used: Path) -> None:
    """A postmaster.pid that names a living process which is not Postgres keeps nobody out, and no data is lost."""
    with embedded_servers(used, durable=True) as servers:
        with psycopg.connect(servers.database_url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        stale = (used / "postgres/data/postmaster.pid").read_text().splitlines()
        os.kill(_postmaster(used), signal.SIGKILL)
    (used / "postgres/data/postmaster.pid").write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")
    with embedded_servers(used, durable=True) as again, psycopg.connect(again.database_url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (1,)
    assert again == servers, "address and password stay"


def test_a_folder_in_use_has_one_use(used: Path) -> None:
    """Durable data is never opened with fsync off, nor thrown away."""
    throwaway = embedded_servers(used, durable=False)
    with embedded_servers(used, durable=True), pytest.raises(Stopped, match="durable"):
        throwaway.__enter__()


def test_a_durable_folder_stays_durable(used: Path) -> None:
    """What one run has kept, another one cannot throw away."""
    with pytest.raises(Stopped, match="durable"), embedded_servers(used, durable=False):
        pass
    assert (used / "postgres/data/PG_VERSION").exists()


@pytest.mark.parametrize("make", [Postgres, Valkey])
@pytest.mark.parametrize("number", [None, signal.SIGKILL])
def test_a_server_starts_again_with_its_data(
    used: Path, make: type[Postgres] | type[Valkey], number: signal.Signals | None
) -> None:
    """A server that was stopped or killed comes back under its address."""
    server = make(used / make.name.lower(), password=json.loads((used / STATE).read_text())["password"], durable=True)
    server.start()
    try:
        address = server.url
        _put(address)
        server.stop(number)
        assert server.pid is None
        server.start()
        assert server.url == address
        _get(address)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("module", "find", "setting"),
    [(postgres, postgres.find_postgres, "DATABASE_URL"), (valkey, valkey.find_valkey, "REDIS_URL")],
)
def test_a_missing_program_is_explained(
    module: object, find: Callable[[], object], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any server the error says what to install and what to set instead."""
    monkeypatch.setattr(module, "_candidates", lambda: iter(()))
    with pytest.raises(Stopped, match=f"`embedded`.*{setting}"):
        find()


def _put(address: str) -> None:
    if address.startswith("postgresql"):
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept ()")
    else:
        with redis.Redis.from_url(address) as client:
            client.set("kept", 1)


def _get(address: str) -> None:
    if address.startswith("postgresql"):
        with psycopg.connect(address) as connection:
            connection.execute("TABLE kept")
    else:
        with redis.Redis.from_url(address) as client:
            assert client.get("kept") == b"1"


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("postgresql://")
    return address


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres/data/postmaster.pid").read_text().split()[0])


def _parent(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True).stdout)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free(folder: Path) -> bool:
    """Tells whether no process of the guard or of either server is left: each holds this lock."""
    with (folder / "servers.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _wait_until_free(folder: Path) -> None:
    deadline = time.monotonic() + 30
    while not _free(folder):
        assert time.monotonic() < deadline, "servers are left"
        time.sleep(0.02)
