"""Clients that others' generators make of the description: each is compiled, and those of the docs drive a run."""

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from app.local.local_stack import LocalStack
from tests.clients.tools import HERE, Failed, Tools, run
from tests.conftest import ROOT

_EXAMPLES: Final = ROOT / "docs" / "examples"
# A client of today and a service of tomorrow.
_TAKES_WHAT_IS_NEW: Final = """
from provkedja_client.models import Problem
made = {"type": "/problems/new", "title": "", "status": 400, "detail": "", "instance": ""}
assert Problem.from_dict(made).to_dict() == made
"""
_STRICT: Final = {
    "strict": True,
    "target": "es2022",
    "lib": ["es2022", "dom"],
}


def python_client(tools: Tools, description: Path) -> None:
    """Makes the package provkedja_client; fails for any part that the generator leaves out."""
    folder = _fresh(tools, "python")
    opened = folder / "openapi.json"
    program = (sys.executable, _EXAMPLES / "python" / "open_enums.py")
    with description.open("rb") as given, opened.open("wb") as made:
        subprocess.run(program, stdin=given, stdout=made, check=True)
    tools.python(
        "openapi-python-client",
        *("generate", "--path", opened, "--output-path", folder / "provkedja_client", "--meta", "none"),
        *("--config", HERE / "python-client.yaml", "--fail-on-warning"),
    )
    if not compileall.compile_dir(folder, quiet=1):
        raise Failed("the Python client does not compile")
    modules = sorted(
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in (folder / "provkedja_client").rglob("*.py")
        if path.stem != "__init__"
    )
    tools.python("python", "-c", f"import {', '.join(modules)}", folder=folder)
    tools.python("python", "-c", _TAKES_WHAT_IS_NEW, folder=folder)


def run_python_example(tools: Tools, up: LocalStack, roster: Path) -> None:
    """Runs docs/examples/python as the docs say it is run."""
    env = {"PROVKEDJA_URL": up.api, "PROVKEDJA_KEY": up.key, "PYTHONPATH": str(tools.folder / "python")}
    tools.python("python", _EXAMPLES / "python" / "send_roster.py", roster, env=env)


def typescript_types(tools: Tools, description: Path) -> None:
    """Makes the types of openapi-typescript, and compiles them with the example that uses them."""
    folder = _fresh(tools, "typescript")
    tools.node(
        *("openapi-typescript", description, "--output", folder / "provkedja.d.ts"),
        # What has a default need not be given.
        "--default-non-nullable=false",
    )
    for name in ("send_roster.ts", "package.json", "tsconfig.json"):
        shutil.copy(_EXAMPLES / "typescript" / name, folder)
    (folder / "node_modules").symlink_to(tools.folder / "node" / "node_modules")
    tools.node("tsc", "-p", folder)


def run_typescript_example(tools: Tools, up: LocalStack, roster: Path) -> None:
    """Runs docs/examples/typescript, compiled before."""
    env = {"PROVKEDJA_URL": up.api, "PROVKEDJA_KEY": up.key}
    run("node", tools.folder / "typescript" / "send_roster.js", roster, env=env)


def typescript_fetch(tools: Tools, description: Path) -> None:
    """Makes the client typescript-fetch of openapi-generator, and compiles it."""
    folder = _fresh(tools, "typescript-fetch")
    tools.python("openapi-generator-cli", "generate", "-i", description, "-g", "typescript-fetch", "-o", folder)
    _compile(tools, folder, "index.ts", module="esnext", moduleResolution="bundler")


def _compile(tools: Tools, folder: Path, file: str, **more: str) -> None:
    options = {**_STRICT, **more, "noEmit": True}
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [file]}))
    (folder / "node_modules").symlink_to(tools.folder / "node" / "node_modules")
    tools.node("tsc", "-p", folder)


def _fresh(tools: Tools, name: str) -> Path:
    folder = tools.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
