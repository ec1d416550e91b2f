"""What the memory of a process has of invented persons, however its texts are encoded.

CPython holds a text with one, two or four bytes a letter, by its widest (PEP 393): `Ö` is one byte, two beside an `Ő`,
four beside a letter of the higher planes, and two others in UTF-8. What is looked for are the parts of a value that are
ASCII, which are the same in all of these once the NUL bytes are left out, and in an escape of JSON as well.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.torture.rosters import DOMAIN, STEM, STEM_LETTERS

_NAME = re.compile(b"%s[a-z]{%d}" % (STEM.encode(), STEM_LETTERS))
# Of a login the part before the @ is a UUID, but of one that was spoiled.
_LOGIN = re.compile(rb"@edu\.a\d{1,15}\.%s" % re.escape(DOMAIN.encode()))
_LOCAL = 36
# Two that begin with what stands in them: that is found many times as fast.
_NUMBERS = tuple(re.compile(rb"%s(?=(\d{6}-?(?:\d{4}|TF\d\d)))" % century) for century in (b"19", b"20"))


class Unreadable(Exception):
    """The memory of the process may not be read here, for a reason that is its text."""


def markers_in(content: bytes) -> set[bytes]:
    """Finds what looks like an invented person's: family names of its own, logins, birth numbers without a hyphen.

    A number may be anybody's or nothing: hold it against those that somebody has.
    """
    content = content.translate(None, b"\0")
    found = set(_NAME.findall(content))
    # Whatever stands before a value in memory may look like a part of it: each is as long as it is.
    found |= {content[max(0, at.start() - _LOCAL) : at.end()] for at in _LOGIN.finditer(content)}
    for numbers in _NUMBERS:
        found |= {content[at.start() : at.end(1)].replace(b"-", b"") for at in numbers.finditer(content)}
    return found


def markers_of(values: frozenset[str]) -> set[bytes]:
    """Gives what `markers_in` finds where these values stand, and no digits that are a part of a login."""
    return {
        each
        for value in values
        for each in markers_in(value.encode(errors="surrogatepass"))
        if "@" not in value or b"@" in each
    }


def markers_of_process(pid: int) -> set[bytes]:
    """Finds as `markers_in` does in all that a process can write to; raises Unreadable."""
    found = set[bytes]()
    for region in _regions(pid):
        found |= markers_in(region)
    return found


def _regions(pid: int) -> Iterator[bytes]:
    process, read = Path(f"/proc/{pid}"), 0
    try:
        with (process / "maps").open() as maps, (process / "mem").open("rb", buffering=0) as memory:
            for line in maps.readlines():
                addresses, rights, *_ = line.split()
                if rights.startswith("rw"):
                    first, end = (int(each, 16) for each in addresses.split("-"))
                    # A process that is at work gives some back meanwhile, such as the stack of a thread that ends.
                    with suppress(OSError):
                        memory.seek(first)
                        content = memory.read(end - first)
                        read += len(content)
                        yield content
    except OSError as fault:
        raise Unreadable(type(fault).__name__) from None
    if not read:
        raise Unreadable("there is nothing to be read")
