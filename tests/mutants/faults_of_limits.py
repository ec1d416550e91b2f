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
        "a key has as much of a process as it has requests",
        "note.let_next = await parts.beginning.enter(whose, _WITHIN)",
        "note.let_next = lambda: None",
        ("limits",),
    ),
    Fault(
        "another spelling of the scheme passes by those who wait",
        '    if scheme.lower() != "bearer":\n        return None\n',
        '    if scheme != "Bearer":\n        return None\n',
        ("limits",),
    ),
    Fault(
        "a cookie beside it makes a session another one",
        "    session = SESSION.of(Request(scope)) if with_cookies else None\n",
        '    session = Request(scope).headers["cookie"] if with_cookies else None\n',
        ("limits",),
    ),
    Fault(
        "a header of no key passes a session by those who wait",
        "    session = SESSION.of(Request(scope)) if with_cookies else None\n",
        "    session = SESSION.of(Request(scope)) if with_cookies and not bearers else None\n",
        ("limits",),
    ),
    Fault(
        "whoever comes with a token waits for nobody",
        "        return parts.tokens.remembered_at_once(text)\n",
        "        return None\n",
        ("bearer tokens",),
    ),
    Fault(
        "a token is known at once for ever",
        "        if known is None or self._clock() >= known.until:\n",
        "        if known is None:\n",
        ("bearer tokens",),
    ),
    Fault(
        "a request that waits for Postgres keeps the others of its key",
        "asyncio.get_running_loop().call_later(_SHORT, note.let_next)",
        "pass",
        ("limits",),
    ),
    Fault(
        "a roster that arrives keeps the other requests of its key",
        "    stream = aiter(request.stream())\n    let_next_begin()\n",
        "    stream = aiter(request.stream())\n",
        ("limits",),
    ),
    Fault(
        "who has been answered keeps the other requests of its key",
        '                status = int(message["status"])\n                let_next_begin()\n',
        '                status = int(message["status"])\n',
        ("limits",),
    ),
    Fault(
        "a request is taken although nothing is left",
        "        if least.wait:\n",
        "        if False:\n",
        ("limits",),
    ),
    Fault(
        "polls from memory are not counted",
        "    count_request(parts, caller, FROM_MEMORY)\n",
        "    note_key(caller.handle, caller.key_id, organisation_id)\n",
        ("limits",),
    ),
    Fault(
        "one key has all that its organisation has",
        "            self.organisations.take(organisation_id, now, cost)\n",
        "            pass\n",
        ("limits",),
    ),
    Fault(
        "buckets fill the memory",
        "        if len(self._full_at) > self._most:\n",
        "        if False:\n",
        ("limits",),
    ),
    Fault(
        "an unknown key is looked up however many have failed",
        "    if wait and (key is None or not await parts.handles.has(key[0])):\n",
        "    if wait and key is None:\n",
        ("limits",),
    ),
    Fault(
        "keys that fail lock out those that count",
        "    if wait and (key is None or not await parts.handles.has(key[0])):\n",
        "    if wait:\n",
        ("limits",),
    ),
    Fault(
        "a stream that has ended keeps its place",
        "            self.streams[key_id] -= 1\n",
        "            pass\n",
        ("limits",),
    ),
    Fault(
        "one key has every connection",
        "            whose = key or (of if isinstance(of, UUID) else _NOBODY)\n",
        "            whose = uuid4()\n",
        ("limits",),
    ),
    Fault(
        "whoever has hung up is read for",
        "                    task.cancel()\n",
        "                    pass\n",
        ("departures",),
    ),
    Fault(
        "what changes something ends with its client",
        "        if not reads:\n",
        '        if scope["type"] != "http":\n',
        ("departures",),
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
