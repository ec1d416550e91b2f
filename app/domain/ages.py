"""How old what is kept is: the ages by which it is counted, for whoever decides how long it stays."""

from datetime import timedelta
from typing import Final

# Each counts what is older than the age before it; what is older than all of them is `OLDER`.
AGES: Final = {"30 days": timedelta(days=30), "1 year": timedelta(days=365), "3 years": timedelta(days=3 * 365)}
OLDER: Final = "older"
