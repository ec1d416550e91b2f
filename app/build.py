"""What this is a build of: the version, and the commit where whoever built it has said so."""

import structlog
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from app import __version__
from app.settings import Settings, effective

_log = structlog.stdlib.get_logger(__name__)


def log_start(process: str, settings: Settings) -> None:
    """Says once what a process goes by, without secrets."""
    _log.info("process starts", process=process, version=__version__, settings=effective(settings))


def register_process(registry: CollectorRegistry, commit: str) -> None:
    """Adds the figures that every process of ours has: what it is a build of, and what it uses of the machine."""
    info = Gauge("provkedja_build_info", "Always 1: which build this is.", ("version", "commit"), registry=registry)
    info.labels(__version__, commit).set(1)
    ProcessCollector(registry=registry)
