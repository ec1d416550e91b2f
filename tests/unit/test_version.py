"""The version: one, and known wherever the code is."""

import subprocess
import sys
from importlib.metadata import version

from app import __version__
from tests.conftest import ROOT


def test_the_installed_package_has_the_version_of_the_code() -> None:
    assert version("provkedja") == __version__


def test_the_code_alone_knows_its_version() -> None:
    """An image and a machine with our units have `app/` and what it requires, and no installed package of ours."""
    said = subprocess.run(
        [sys.executable, "-S", "-c", "import app; print(app.__version__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == __version__
