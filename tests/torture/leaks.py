"""The search for personal data where none may be: logs, metrics, what Valkey holds, what is on a disk or in a dump."""

import mmap
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import psycopg
from psycopg.sql import SQL, Identifier

from tests.torture.rosters import DOMAIN
from tests.torture.witnesses import Call

_WORD = re.compile(r"[^\W_][\w-]*")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_PARTICLE = 2
# Of how many bytes a value is, at the least, that stands somewhere by no chance; and of how many hexadecimal digits,
# of which ids and digests are made, and what is compressed leaves eight together.
_CERTAIN, _CERTAIN_HEX = 8, 12
_HEX = re.compile(r"[0-9a-fA-F]*")
_RUNS = re.compile(rb"[A-Za-z0-9@._+\-\xc3\x80-\xbf]{%d,}" % _CERTAIN)
_BETWEEN = re.compile(rb"[@._+\-]")
_HYPHENED = re.compile(r"(\d{8})-(\d{4}|TF\d\d)")
_OUR_DOMAIN = DOMAIN.encode()
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")


def plain(text: str) -> str:
    """Gives a text without escapes of JSON, and with birth numbers as they are sent, without a hyphen."""
    return _HYPHENED.sub(r"\1\2", _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text))


def secrets_in(text: str, secrets: set[str]) -> Iterator[str]:
    """Finds personal values in a text: whole words that are one, and every address of ours."""
    text = plain(text)
    for word in set(_WORD.findall(text)):
        if word in secrets or any(part in secrets for part in word.split("-")):
            yield word
    for address in set(_ADDRESS.findall(text)):
        if address in secrets or address.endswith(DOMAIN):
            yield address


def leaks(places: Iterable[tuple[str, str]], secrets: set[str]) -> Iterator[tuple[str, int]]:
    """Tells in which places there is personal data, and how many values: never which."""
    # Names of several words are looked for by each of them, but for such as De, with which our own sentences begin; a
    # login by what stands before its @ too.
    words = {part for secret in secrets for part in secret.split() if len(part) > _PARTICLE} | secrets
    words |= {secret.partition("@")[0] for secret in secrets if "@" in secret}
    for name, text in places:
        if found := set(secrets_in(text, words)):
            yield name, len(found)


def logs(folder: Path) -> Iterator[tuple[str, str]]:
    """Reads what the processes have written."""
    for path in sorted([*folder.glob("*.log"), *folder.glob("*/log")]):
        yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")


def addresses(calls: Iterable[Call]) -> tuple[str, str]:
    """Gives what Skolverket was asked for, paths and queries, as a place with its text."""
    asked = sorted({f"{call.path}?{call.query}" for call in calls})
    return "the addresses that Skolverket was asked for", "\n".join(f"{each} {unquote_plus(each)}" for each in asked)


def on_disk(folder: Path, secrets: set[str]) -> Iterator[tuple[str, int]]:
    """Tells which files below a folder, tables and write-ahead log among them, have personal data in clear."""
    wanted = long_values(secrets)
    for path in sorted(each for each in folder.rglob("*") if each.is_file() and each.stat().st_size):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if found := values_among(content, wanted):
                yield str(path.relative_to(folder.parent)), len(found)


async def in_dump(conn: psycopg.AsyncConnection, secrets: set[str]) -> list[tuple[str, int]]:
    """Tells which tables have personal data in a dump of theirs: there nothing is compressed, as it is on disk."""
    wanted, leaking = long_values(secrets), list[tuple[str, int]]()
    tables = await conn.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for (name,) in await tables.fetchall():
        found = set[bytes]()
        async with conn.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(name))) as rows:
            async for some in rows:
                found |= values_among(bytes(some), wanted)
        if found:
            leaking.append((f"a dump of {name}", len(found)))
    return leaking


def long_values(secrets: set[str]) -> frozenset[bytes]:
    """Gives the values that occur by chance in no file: the long ones, and words of such a length.

    A name may have half a character, as a source that cuts texts sends it.
    """
    words = {part for secret in secrets for part in re.split(r"[\s@-]", secret)} | secrets
    return frozenset(each.encode(errors="surrogatepass") for each in words if _certain(each))


def _certain(value: str) -> bool:
    length = len(value.encode(errors="surrogatepass"))
    return length >= (_CERTAIN_HEX if _HEX.fullmatch(value) else _CERTAIN)


def values_among(content: "bytes | mmap.mmap", wanted: frozenset[bytes]) -> set[bytes]:
    """Finds personal values among bytes that may be anything."""
    found = set[bytes]()
    for run in _RUNS.finditer(content):
        text = run[0]
        if _OUR_DOMAIN in text:
            found.add(text)
        found |= wanted.intersection([text, *_BETWEEN.split(text)])
    return found


async def read_keys(client: Any) -> bytes:
    """Reads all keys of a Valkey with what stands in them."""
    found: list[bytes] = []
    async for key in client.scan_iter(count=500):
        found.append(key)
        kind = await client.type(key)
        if kind == b"string":
            found.append(await client.get(key) or b"")
        elif kind == b"zset":
            found += await client.zrange(key, 0, -1)
        elif kind == b"list":
            found += await client.lrange(key, 0, -1)
        elif kind == b"set":
            found += list(await client.smembers(key))
        elif kind == b"hash":
            found += [part for pair in (await client.hgetall(key)).items() for part in pair]
    return b"\n".join(found)
