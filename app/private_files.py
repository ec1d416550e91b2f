"""Files that hold keys: who else may open them. Whoever reads a key from a file asks here first."""

from os import stat_result
from stat import S_IRGRP, S_IRWXG, S_IRWXO


def open_to_others(status: stat_result) -> bool:
    """Tells of a file, by its `status`, whether others than its owner may read or write it.

    A file of root's may be read by its group: that is how a secret is handed to a process that is not root's. These are
    libpq's rules for the key of a client's certificate.
    """
    allowed = S_IRGRP if status.st_uid == 0 else 0
    return bool(status.st_mode & (S_IRWXG | S_IRWXO) & ~allowed)
