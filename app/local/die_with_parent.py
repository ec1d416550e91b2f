"""OneByOne itself into another program that dies with its parent and, on request, is not root.

Run by its path, as a program of its own: a hook between fork and exec is not safe in a process with threads. Linux has
the calls for both; elsewhere the program just starts.

    die_with_parent.py SIGNAL PARENT_PID FOLDER PROGRAM [ARGUMENT …]

FOLDER is what the program must be able to write when root steps down; empty: stay who you are.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_NOBODY = 65534


def die_with_parent(
    program: Sequence[str], number: signal.Signals = signal.SIGTERM, *, not_root: Path | None = None
) -> list[str]:
    """Gives the command that runs a program which gets a signal when the thread that starts it ends (Linux).

    The program is named by its path. With `not_root`, root steps down first, and keeps that folder writable.
    """
    return [sys.executable, "-IS", __file__, str(int(number)), str(os.getpid()), str(not_root or ""), *program]


def _give(folder: Path, uid: int, gid: int) -> None:
    if folder.stat().st_uid == uid:
        return
    for parent, _, files in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in files)):  # noqa: PTH118
            os.chown(path, uid, gid, follow_symlinks=False)


def _step_down(libc: ctypes.CDLL, folder: Path) -> None:
    """Leaves root: for a user namespace, which asks nothing of the file system, or else for `postgres` or `nobody`."""
    if sys.platform == "linux":
        # A namespace without a map has no way back, so the first try is a child's.
        child = os.fork()
        if child == 0:
            os._exit(0 if _namespace(libc) else 1)
        if os.waitpid(child, 0)[1] == 0:
            _give(folder, 0, 0)
            _namespace(libc)
            return
    user = next((found for name in ("postgres", "nobody") if (found := _user(name))), None)
    if user is None:
        raise OSError("neither user namespaces nor a user `postgres` or `nobody` to leave root for")
    _give(folder, user.pw_uid, user.pw_gid)
    folder.parent.chmod(0o711)  # to be walked through, not to be read
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(f"user {user.pw_name} cannot reach {folder}: run as another user than root, or in another place")


def _namespace(libc: ctypes.CDLL) -> bool:
    if libc.unshare(_CLONE_NEWUSER) != 0:
        return False
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{_NOBODY} 0 1")
        Path("/proc/self/uid_map").write_text(f"{_NOBODY} 0 1")
        return True
    return False


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _main(number: int, parent: int, folder: str, program: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if folder and os.geteuid() == 0:
        _step_down(libc, Path(folder))
    if sys.platform == "linux":
        # After stepping down: a change of credentials clears it.
        libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        raise OSError("the parent ended before its child began")
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    try:
        _main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
    except OSError as error:
        sys.exit(f"cannot start {sys.argv[4]}: {error}")
