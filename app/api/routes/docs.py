"""The description of the interface, and for people Swagger UI from files of our own; nothing comes from elsewhere."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from app.api.http.answers import to_json

STATIC = Path(__file__).parents[1] / "static"

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Provkedja</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_ONLY_OURS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Gives the description for programs."""
    return Response(to_json(request.app.openapi()), media_type="application/json")


@router.get("/docs")
async def docs() -> Response:
    """Shows the page."""
    return HTMLResponse(_PAGE, headers=_ONLY_OURS)


@router.get("/docs/{name}")
async def docs_file(name: Literal["swagger-ui.css", "swagger-ui-bundle.js", "start.js"]) -> Response:
    """Gives one of the files that the page is made of."""
    return FileResponse(STATIC / name)
