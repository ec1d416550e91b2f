"""What is shown of a run, job, record, batch, issue or activity for one viewer, as values that become JSON.

Every function here is pure. What is read, and how an answer leaves, is decided elsewhere.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

# A row that was read, by the names of its columns.
Row: TypeAlias = Mapping[Any, Any]
Shown: TypeAlias = dict[str, Any]
