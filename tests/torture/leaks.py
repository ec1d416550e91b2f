"""The search for personal data where none may be: logs, metrics, what Valkey holds."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.torture.rosters import DOMAIN

_WORD = re.compile(r"[^\W_][\w-]*")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_ADDRESS = re.compile(r"[\w.+-]+@[\w.-]+")


def secrets_in(text: str, secrets: set[str]) -> Iterator[str]:
    """Finds personal values in a text: whole words that are one, and every address of ours."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    for word in set(_WORD.findall(text)):
        if word in secrets or any(part in secrets for part in word.split("-")):
            yield word
    for address in set(_ADDRESS.findall(text)):
        if address in secrets or address.endswith(DOMAIN):
            yield address


def leaks(places: Iterable[tuple[str, str]], secrets: set[str]) -> Iterator[tuple[str, int]]:
    """Tells in which places there is personal data, and how many values: never which."""
    # Names of several words are looked for by each of them.
    words = {part for secret in secrets for part in secret.split()} | secrets
    for name, text in places:
        if found := set(secrets_in(text, words)):
            yield name, len(found)


def logs(folder: Path) -> Iterator[tuple[str, str]]:
    """Reads what the processes have written."""
    for path in sorted([*folder.glob("*.log"), *folder.glob("*/log")]):
        yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")


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
