"""The database's roles, by name: the owner migrates, the others serve and work. What each may do is in `db.access`."""

from typing import Final

OWNER: Final = "provkedja_owner"
API: Final = "provkedja_api"
WORKER: Final = "provkedja_worker"
