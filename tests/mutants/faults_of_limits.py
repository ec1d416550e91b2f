"""Faults of what is turned away before it is a request, and of what is asked for too often."""

from typing import Final

from tests.mutants.fault import Fault

LIMITS: Final = (
    Fault(
        "a request may have two lengths",
        "    if lengths and codings:\n",
        "    if False:\n",
        ("connections",),
    ),
    Fault(
        "of two Authorization headers one counts",
        "    if authorizations > 1:\n",
        "    if False:\n",
        ("connections",),
    ),
    Fault(
        "headers that come at once have no bound",
        "(data[:_PIECE], data[_PIECE:])",
        '(data, b"")',
        ("connections",),
    ),
    Fault(
        "each byte of a header gains time",
        "        elif self._head_due is None and (self.cycle is None or self.conn.trailing_data[0]):\n",
        "        elif self.cycle is None or self.conn.trailing_data[0]:\n"
        "            if self._head_due is not None:\n                self._head_due.cancel()\n",
        ("connections",),
    ),
    Fault(
        "anybody says for whom they ask",
        'if scope["type"] == "http" and client and self._trusts(client[0]):',
        'if scope["type"] == "http" and client:',
        ("proxies",),
    ),
    Fault(
        "the first address counts that a client has sent itself",
        "            if not self._trusts(each):\n                break\n",
        "",
        ("proxies",),
    ),
)
