"""The image stands on a system that nobody can exchange without a change to the Dockerfile."""

import re

from tests.conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_every_stage_stands_on_one_image_pinned_by_digest() -> None:
    [pinned] = re.findall(r"(?m)^ARG PYTHON=(.+)$", DOCKERFILE)
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", pinned)
    assert re.findall(r"(?m)^FROM (\S+)", DOCKERFILE) == ["${PYTHON}", "${PYTHON}"]
    # Before the first stage, where FROM sees it.
    assert DOCKERFILE.index("ARG PYTHON=") < DOCKERFILE.index("FROM ")


def test_packages_come_by_hash_from_the_lock() -> None:
    assert "--require-hashes --only-binary=:all: -r /tmp/requirements.lock" in DOCKERFILE
