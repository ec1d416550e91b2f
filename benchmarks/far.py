"""A Postgres that is far away: a proxy before it, at which all that comes waits its time and nothing waits in line."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from app.local.proxy import Proxy


@contextmanager
def far_away(database_url: str, milliseconds: float) -> Iterator[str]:
    """Lends an address of the database from which a round trip takes so many milliseconds longer."""
    behind = urlsplit(database_url)
    if behind.hostname is None or behind.port is None:
        raise SystemExit("a database that is to be far away needs a host and a port in its URL")
    # In a thread of its own, so that what the benchmark does meanwhile delays nothing.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="far Postgres", daemon=True)
    thread.start()
    proxy = Proxy(behind.port, behind.hostname)
    proxy.delay = milliseconds / 2000
    asyncio.run_coroutine_threadsafe(proxy.open(), loop).result()
    try:
        user, _, _ = behind.netloc.rpartition("@")
        yield behind._replace(netloc=f"{user}@127.0.0.1:{proxy.port}").geturl()
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
