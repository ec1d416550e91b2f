"""Work that is not a job: each kind has a file with its handler, and stands in one of these two lists."""

from collections.abc import Mapping

from app.jobs.calls import Calls
from app.jobs.tasks import forget_epochs, forget_keys, forget_workers, open_data
from app.jobs.tasks.kind import Kind
from app.settings import Settings
from app.target import Target


def inside() -> Mapping[str, Kind]:
    """Gives the kinds that stay inside, which any worker may do."""
    return _by_name(forget_keys.KIND, forget_workers.KIND, forget_epochs.KIND)


def calling(settings: Settings, target: Target, calls: Calls) -> Mapping[str, Kind]:
    """Gives the kinds that call `target`, for the process that holds an egress."""
    return _by_name(open_data.kind(settings, target, calls))


def _by_name(*kinds: Kind) -> Mapping[str, Kind]:
    return {each.name: each for each in kinds}
