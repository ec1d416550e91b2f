"""Faults of keys: what is sealed anew, when a key may go, and who is given which."""

from typing import Final

from tests.mutants.fault import Fault

KEYS: Final = (
    Fault(
        "sealing anew passes over what somebody has in hand and is done",
        "in_use |= await sealed.any_left(conn, column, owner.id, older, skip)",
        "in_use |= False",
        ("keys",),
    ),
    Fault(
        "sealing anew does not wait for rosters that are arriving",
        "if in_use or await sealed.left_with(conn, self._older):",
        "if in_use:",
        ("keys",),
    ),
    Fault(
        "a worker with another first key counts the work as done",
        "if task.key != self.cipher.current:",
        "if not task.key:",
        ("keys",),
    ),
    Fault(
        "a sealed column is forgotten",
        '    SealedColumn("webhook", "secret_before", lambda row: secret_place(row["id"]), ("id",)),\n',
        "",
        ("keys",),
    ),
    Fault(
        "history is rewritten while it is sealed anew",
        "            OR to_jsonb(NEW) - 'request_sha256' IS DISTINCT FROM to_jsonb(OLD) - 'request_sha256' THEN\n",
        "        THEN\n",
        ("keys",),
    ),
    Fault(
        "a name that is sealed anew is another name",
        "        AND current_setting('provkedja.sealing_anew', true) IS DISTINCT FROM 'on' THEN\n",
        "        THEN\n",
        ("keys",),
    ),
    Fault(
        "a name may be moved to another activity",
        'return b"activity name" + activity_id.bytes',
        'return b"activity name"',
        ("keys",),
    ),
    Fault(
        "what a webhook is for stands in a dump",
        "    return seal_text(cipher, description, description_place(webhook_id)) if description else None\n",
        "    return description.encode() if description else None\n",
        ("free text",),
    ),
    Fault(
        "the same name, sealed again, is a change of runs",
        "    if name is not None and name != named:\n",
        "    if name is not None:\n",
        ("free text",),
    ),
    Fault(
        "operators' reasons and those of organisations stand side by side",
        '"reason": reason if cipher is None else None,',
        '"reason": reason,',
        ("free text",),
    ),
    Fault(
        "an organisation's digests are another's",
        "_Digests.of(self.open(self.sealed_digest_key, DIGEST_KEY_PLACE))",
        "_Digests.of(self.keys[self.current].encrypt(bytes(12), b'', None))",
        ("keys",),
    ),
    Fault(
        "a key may go that still seals something",
        "if values := seen.sealed.get(key):",
        "if values := seen.sealed.get(key, 0) // 2:",
        ("keys",),
    ),
    Fault(
        "tokens are sealed with what the API has too",
        "tokens = Tokens(self.engine, self.target, services, timeout, self.token_keys)",
        "tokens = Tokens(self.engine, self.target, services, timeout, self.cipher)",
        ("the API's keys",),
    ),
    Fault(
        "of a secret that is set twice the file counts",
        "    if getattr(settings, name).get_secret_value():\n",
        "    if not getattr(settings, name):\n",
        ("settings",),
    ),
)
