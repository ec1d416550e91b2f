"""The files that pages are made of: our style and script, and htmx as it was published. Nothing comes from elsewhere.

An address has the file's digest in it, so that browsers keep it for good and never show an old one.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from app.errors import NotFound
from app.web.paths import PATHS, address

_TYPES: Final = {
    "pages.css": "text/css; charset=utf-8",
    "pages.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml; charset=utf-8",
}
_FOR_GOOD: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class File:
    """A file, and what its address has of its SHA-256."""

    body: bytes
    digest: str
    media_type: str


@cache
def file(name: str) -> File:
    """Gives one of the files, read once; raises KeyError for any other name."""
    media_type = _TYPES[name]
    body = (files(__package__) / "static" / name).read_bytes()
    return File(body, hashlib.sha256(body).hexdigest()[:16], media_type)


def file_address(name: str) -> str:
    """Gives where a browser finds a file."""
    return address("file", "sv", digest=file(name).digest, name=name)


@router.get(PATHS["file"])
async def get_file(digest: str, name: str) -> Response:
    """Gives a file to anybody; nothing in it is anybody's."""
    if name not in _TYPES or file(name).digest != digest:
        raise NotFound("There is no such file.")
    found = file(name)
    return Response(found.body, media_type=found.media_type, headers=_FOR_GOOD)
