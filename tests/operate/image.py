"""The files of the image that serves, laid into a folder: what the Dockerfile copies, without what .dockerignore names.

The packages beside them are those of requirements.lock alone, as links to what is installed here.
"""

import re
import shutil
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

from tests.conftest import ROOT

DOCKERFILE = ROOT / "Dockerfile"


def stages() -> list[str]:
    """Gives the Dockerfile's stages as their lines, each from its FROM on; continued lines are joined."""
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", " ")
    return re.split(r"(?m)^(?=FROM )", text)[1:]


def lay_image(folder: Path) -> Path:
    """Copies into a new `folder` what the image's working directory has; gives the folder."""
    folder.mkdir(parents=True)
    for source, target in re.findall(r"(?m)^COPY (?!--)(\S+) (\S+)$", stages()[-1]):
        into = Path(target, source) if target.endswith("/") else Path(target)
        for file in (ROOT / source).rglob("*") if (ROOT / source).is_dir() else [ROOT / source]:
            if file.is_file() and not _ignored(PurePosixPath(file.relative_to(ROOT))):
                place = folder / into / file.relative_to(ROOT / source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
    return folder


def lay_packages(folder: Path) -> Path:
    """Links into a new `folder` what requirements.lock names and this interpreter has; gives the folder."""
    folder.mkdir(parents=True)
    locked = re.findall(r"(?m)^([a-z0-9._-]+)==\S+(?: ; (.*?))? \\$", (ROOT / "requirements.lock").read_text("utf-8"))
    for name, marker in locked:
        try:
            files = distribution(name).files or []
        except ModuleNotFoundError:
            assert marker, f"{name} is not installed"  # of another system
            continue
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution(name).locate_file(top))))
    return folder


def _ignored(path: PurePosixPath) -> bool:
    """Tells whether .dockerignore leaves `path` out: of the lines that fit it or a folder of it the last one counts."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if line and not line.startswith("#") and any(_fits(line.removeprefix("!"), each) for each in _places(path)):
            ignored = not line.startswith("!")
    return ignored


def _places(path: PurePosixPath) -> list[PurePosixPath]:
    return [path, *path.parents][:-1]


def _fits(pattern: str, place: PurePosixPath) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(place.name, pattern.removeprefix("**/"))
    parts = PurePosixPath(pattern).parts
    return len(parts) == len(place.parts) and all(map(fnmatch, place.parts, parts))
