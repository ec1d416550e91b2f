"""Faults of how it is run: files of keys, ways to the servers, what the image has, what Postgres writes down."""

from typing import Final

from tests.mutants.fault import Fault

RUNNING: Final = (
    Fault(
        "a key that everybody can read is taken",
        "allowed = S_IRGRP if status.st_uid == 0 else 0",
        "allowed = S_IRWXG | S_IRWXO",
        ("settings",),
    ),
    Fault(
        "any TLS to Postgres will do",
        'found.get("sslmode") == "verify-full"',
        'found.get("sslmode") in {"require", "verify-ca", "verify-full"}',
        ("settings",),
    ),
    Fault(
        "an address may have TLS to Redis look at nothing",
        'return parts.scheme != "rediss" or not _WEAKENING.isdisjoint(name for name, _ in parse_qsl(parts.query))',
        'return parts.scheme != "rediss"',
        ("settings",),
    ),
    Fault(
        "servers of other machines are reached without TLS",
        "        if self.plain_to_servers:\n",
        "        if not self.plain_to_servers:\n",
        ("settings",),
    ),
    Fault(
        "plain http goes to every name that begins as this machine's",
        'if parts.scheme == "http" and parts.hostname not in _LOOPBACK:',
        'if parts.scheme == "http" and not parts.hostname.startswith(tuple(_LOOPBACK)):',
        ("settings",),
    ),
    Fault(
        "the simulator is in the image",
        "app/local\napp/simulator\n",
        "app/local\n",
        ("image",),
    ),
    Fault(
        "a variable ends a process in the middle of its work",
        "    if _watcher is not None:\n",
        '    if point == __import__("os").environ.get("KILL_AT"):\n        __import__("os")._exit(137)\n'
        "    if _watcher is not None:\n",
        ("image",),
    ),
    Fault(
        "what serves brings in the demo",
        "from app.db.changes import place_changes_anew\n",
        "from app.db.changes import place_changes_anew\nfrom app.demo.show import show as _show\n",
        ("image",),
    ),
    Fault(
        "Postgres writes errors into its log",
        "      - -clog_min_messages=log\n",
        "      - -clog_min_messages=warning\n",
        ("Postgres's log",),
    ),
    Fault(
        "Postgres writes details into its log",
        "      - -clog_error_verbosity=terse\n",
        "      - -clog_error_verbosity=default\n",
        ("Postgres's log",),
    ),
    Fault(
        "Postgres takes sessions of other machines without TLS",
        "hostssl  provkedja ",
        "host     provkedja ",
        ("TLS to servers",),
    ),
    Fault(
        "the name of a Redis is not looked at",
        '"ssl_check_hostname": True',
        '"ssl_check_hostname": False',
        ("TLS to servers",),
    ),
    Fault(
        "a certificate that was replaced is shown until a restart",
        "        handshake.context = self._now()\n",
        "        handshake.context = self._last\n",
        ("own TLS",),
    ),
    Fault(
        "a worker's figures are plain for a moment",
        "    if certificate is not None:\n        # Each handshake in",
        "    Thread(target=server.serve_forever, daemon=True).start()\n"
        "    if certificate is not None:\n        # Each handshake in",
        ("own TLS",),
    ),
    Fault(
        "our key is read although others can open it",
        '        if open_to_others(key.stat()):\n            raise Stopped(f"TLS_KEY_FILE',
        '        if False:\n            raise Stopped(f"TLS_KEY_FILE',
        ("own TLS",),
    ),
    Fault(
        "figures go out in clear beside an API with TLS",
        "configured(figures_app(parts), certificate)",
        "configured(figures_app(parts))",
        ("own TLS",),
    ),
    Fault(
        "who never ends a request at a worker's port has a thread for good",
        "            if monotonic() - since > _WITHIN:\n",
        "            if False:\n",
        ("meters", "own TLS"),
    ),
    Fault(
        "who has begun no handshake at a worker's port has a thread for good",
        "socket.socket.shutdown(request, socket.SHUT_RDWR)",
        "request.unwrap()",
        ("own TLS",),
    ),
    Fault(
        "who keeps a handshake waiting keeps the figures from others",
        "server_side=True, do_handshake_on_connect=False",
        "server_side=True",
        ("own TLS",),
    ),
)
