"""Faults of what callers meet: sessions, masking, conditions, repeats, streams, who is missing."""

from typing import Final

from tests.mutants.fault import Fault

SESSIONS: Final = (
    Fault(
        "any cookie has Postgres asked for its session",
        "plain = None if text is None else _TOKEN.open(parts, text)",
        "plain = None if text is None else _TOKEN.open(parts, text) or bytes(56)",
        ("sessions",),
    ),
    Fault(
        "a session counts for whatever key its row names",
        "WHERE session.digest = :digest AND (session.api_key_id = :key) IS TRUE AND {key_counts}",
        "WHERE session.digest = :digest AND true AND {key_counts}",
        ("sessions",),
    ),
    Fault(
        "the API makes a session another key's",
        '"session": "SELECT, INSERT, DELETE, UPDATE (seen_at)",',
        '"session": _WRITE,',
        ("sessions",),
    ),
    Fault(
        "a cookie of another length is one of ours",
        "        if len(plain) != _LENGTH:\n",
        "        if False:\n",
        ("session tokens",),
    ),
    Fault(
        "how long a session lasts its row alone says",
        "    if token.is_over(time(), sessions.LONGEST):\n",
        "    if False:\n",
        ("sessions",),
    ),
    Fault(
        "a session began when protected persons went",
        "return now >= self.began_at + longest",
        "return now >= self.protected_until + longest",
        ("session tokens", "sessions"),
    ),
    Fault(
        "a session lasts for ever by its cookie",
        "return now >= self.began_at + longest.total_seconds()",
        "return now < self.began_at",
        ("session tokens", "sessions"),
    ),
    Fault(
        "a session has no idle end",
        "                    AND session.seen_at > clock_timestamp() - CAST(:idle AS interval)\n",
        "",
        ("sessions",),
    ),
    Fault(
        "a session has no absolute end",
        "                    AND session.created_at > clock_timestamp() - CAST(:longest AS interval)\n",
        "",
        ("sessions",),
    ),
    Fault(
        "a revoked key keeps its sessions",
        "    api_key.revoked_at IS NULL AND (api_key.expires_at",
        "    (api_key.expires_at",
        ("sessions",),
    ),
    Fault(
        "what a page asks for by itself keeps a session going",
        "WHERE session.digest = found.digest AND :by_hand",
        "WHERE session.digest = found.digest AND (:by_hand OR true)",
        ("sessions",),
    ),
    Fault(
        "the session before goes on after another sign-in",
        '{"before": instead_of,',
        '{"before": None,',
        ("sessions",),
    ),
    Fault(
        "signing out ends nothing",
        '"DELETE FROM session WHERE digest = :digest"',
        '"DELETE FROM session WHERE digest = :digest AND false"',
        ("sessions",),
    ),
    Fault(
        "a form's token is not compared",
        'if not hmac.compare_digest(form.get("form_token", "").encode(), who.form_token.encode()):',
        'if "form_token" not in form:',
        ("sessions",),
    ),
    Fault(
        "the forms of all sessions have one token",
        'hmac.digest(text.encode(), b"form", "sha256")',
        'hmac.digest(b"token", b"form", "sha256")',
        ("sessions",),
    ),
    Fault(
        "a form from a neighbouring site is taken",
        'return site == "same-origin"',
        'return site != "cross-site"',
        ("sessions",),
    ),
    Fault(
        "what the browser holds is what is stored",
        "return hashlib.sha256(text.encode()).digest()",
        "return text.encode()[:32]",
        ("sessions",),
    ),
    Fault(
        "scripts read the cookie",
        "            max_age=good_for,\n            httponly=True,\n",
        "            max_age=good_for,\n            httponly=False,\n",
        ("sessions",),
    ),
    Fault(
        "who signs in is led to another site",
        "if is_ours(following) and is_operators(following) == is_operator:",
        "if following:",
        ("sessions",),
    ),
)

SHOWN: Final = (
    Fault(
        "names are shown without the right to see them",
        'return "pii" in self.scopes',
        "return True",
        ("exports",),
    ),
    Fault(
        "who sees names sees protected persons",
        "may_see = self.may_see_protected if protected else self.may_see_names",
        "may_see = self.may_see_names",
        ("exports",),
    ),
    Fault(
        "who may see protected persons sees them without seeing names",
        'return self.may_see_names and "protected" in self.scopes',
        'return "protected" in self.scopes',
        ("masking",),
    ),
    Fault(
        "a text in the place of an id is taken for one",
        "def _is_id(value: Any) -> bool:\n    return uuid_of(value) is not None",
        "def _is_id(value: Any) -> bool:\n    return isinstance(value, str)",
        ("masking",),
    ),
    Fault(
        "a number is shown beyond what is published",
        "return lambda value: type(value) is int and least <= value <= most",
        "return lambda value: type(value) is int",
        ("masking",),
    ),
    Fault(
        "a name that is not published is shown",
        '            key = f"{MASK}{unknown}" if unknown > 1 else MASK\n        yield',
        "        yield",
        ("masking", "beside"),
    ),
    Fault(
        "where nothing is published a flag is shown",
        "return value if not emptied and place.shows is not None and place.shows(value) else MASK",
        "return value if not emptied and (value is True or (place.shows and place.shows(value))) else MASK",
        ("masking",),
    ),
    Fault(
        "a marking that is masked is there all the same",
        "elif not place.unsaid:",
        "else:",
        ("masking",),
    ),
    Fault(
        "an attribute may have any name",
        "known = _words().issuperset(map(_folded, words))",
        "known = True",
        ("masking",),
    ),
    Fault(
        "without pii the school of whoever is not protected is shown",
        "return not (self.may_see_protected if protected else self.may_see_names)",
        "return protected and not self.may_see_protected",
        ("markings",),
    ),
    Fault(
        "without pii somebody is found by their school",
        "if by_school and not viewer.may_see_names:",
        "if False:",
        ("markings",),
    ),
    Fault(
        "groups count who is not named",
        "groups.append(GroupReadiness(group.id, group.in_exam, states, causes))",
        "groups.append(group)",
        ("readiness",),
    ),
    Fault(
        "a code of a marking is shown as it is",
        "return code if _sees_markings(viewer) else _INSTEAD.get(code, code)",
        "return code",
        ("codes",),
    ),
    Fault(
        "a group has an empty place for who is left out",
        "kept = [part for part in value if not _names(part, ids)] if each.reference else value",
        "kept = value",
        ("masking",),
    ),
    Fault(
        "a spreadsheet takes a name for a formula",
        "if _FORMULA.match(text) or _NUMBER.fullmatch(text.strip()):",
        "if _NUMBER.fullmatch(text.strip()):",
        ("masking",),
    ),
    Fault(
        "nothing is ever known to who asks again",
        "if has_it(request, content.etag):",
        "if False:",
        ("conditions",),
    ),
    Fault(
        "an ETag that became a weak one on its way is not known again",
        'return "*" in asked or etag in {tag.removeprefix("W/") for tag in asked}',
        'return "*" in asked or etag in asked',
        ("conditions",),
    ),
    Fault(
        "an activity's ETag stays while its runs change",
        "return cls(body, f'\"{version}-{hashlib.sha256(body).hexdigest()[:12]}\"', finished=True)",
        "return cls(body, f'\"{version}\"', finished=True)",
        ("conditions",),
    ),
    Fault(
        "a roster is replaced over somebody else's",
        'return "*" in tags or any(_version_of(tag) == version for tag in tags)',
        "return True",
        ("conditions",),
    ),
    Fault(
        "what is there counts as new",
        'return "*" not in asked and all(',
        "return all(",
        ("conditions",),
    ),
)

REPEATS: Final = (
    Fault(
        "an Idempotency-Key is the same for every API key",
        'cipher.digest("idempotency_key", api_key_id, key.encode())',
        'cipher.digest("idempotency_key", UUID(int=0), key.encode())',
        ("repeats",),
    ),
    Fault(
        "another request with an Idempotency-Key gets the first one's answer",
        "if bytes(row.request_digest) != used.request:",
        "if False:",
        ("repeats",),
    ),
    Fault(
        "one API key's request keeps another's from its turn",
        "_HALVES.unpack(self.digest[: _HALVES.size])",
        "_HALVES.unpack(self.request[: _HALVES.size])",
        ("repeats",),
    ),
    Fault(
        "nothing says that an answer is a repeat",
        "    if made.is_replayed:\n",
        "    if False:\n",
        ("repeats",),
    ),
)

STREAMS: Final = (
    Fault(
        "a stream goes on for a key that has lost its scopes",
        'check_scopes(caller, "history|provision")\n        check_whole(caller)\n',
        "check_whole(caller)\n",
        ("streams",),
    ),
    Fault(
        "a ticket opens more than its key may see",
        "return replace(caller, scopes=caller.scopes & opened.scopes)",
        'return replace(caller, scopes=caller.scopes | {"history"})',
        ("streams",),
    ),
    Fault(
        "a ticket is good for ever",
        "if ticket is None or not ticket.is_good(time.time()):",
        "if ticket is None:",
        ("streams",),
    ),
    Fault(
        "who comes again is told once more what it knows",
        "            if id_of(now) != last:\n",
        "            if True:\n",
        ("streams",),
    ),
    Fault(
        "who has lost its place goes on with what it knew",
        "                at, reset = None, True\n",
        "                at, reset = None, False\n",
        ("streams",),
    ),
    Fault(
        "a place in the log of another database is taken",
        "if after is not None and (after.log != following.log or after.place > log.end):",
        "if after is not None and after.place > log.end:",
        ("changes",),
    ),
    Fault(
        "a place behind all that there is is taken",
        "if after is not None and (after.log != following.log or after.place > log.end):",
        "if after is not None and after.log != following.log:",
        ("changes",),
    ),
    Fault(
        "what is not settled yet is among the changes",
        "        AND changed_in < {_SETTLED}\n",
        "",
        ("changes",),
    ),
    Fault(
        "one key's changes are shown to another",
        "(run.c.requested_by_id == _MADE_BY).is_(sa.true()))\n        .offset",
        "sa.true())\n        .offset",
        ("changes",),
    ),
)

MISSING: Final = (
    Fault(
        "who was left out of a group is through",
        "standing = inside if group.at_target is None or each in group.at_target else outside",
        "standing = inside",
        ("readiness",),
    ),
    Fault(
        "a group that an activity went without is through",
        "standing = THROUGH if activity.at_target is None or group_id in activity.at_target else left_out",
        "standing = THROUGH",
        ("readiness",),
    ),
    Fault(
        "of two ways into an exam the worse one counts",
        "known is None else min(known, standing, key=_order)",
        "known is None else max(known, standing, key=_order)",
        ("readiness",),
    ),
    Fault(
        "a wrong person hides behind the group that waits for it",
        "others[each] = _NOT_IN_EXAM if way is None else missing.get(each, way)",
        "others[each] = way or _NOT_IN_EXAM",
        ("readiness",),
    ),
    Fault(
        "who is in no group of an exam is missing in it",
        "others[each] = _NOT_IN_EXAM if way is None else missing.get(each, way)",
        "others[each] = missing.get(each, way or UNDER_WAY)",
        ("readiness",),
    ),
    Fault(
        "a duty is through without its person",
        "yield each, (person or missing.get(each, THROUGH)).state",
        "yield each, missing.get(each, THROUGH).state",
        ("readiness",),
    ),
    Fault(
        "who was accepted once counts as through in whatever form",
        "there = reached.intersection(alike.ids) if alike.seen.current else frozenset[Id]()",
        "there = reached.intersection(alike.ids) if alike.seen.known else frozenset[Id]()",
        ("readiness",),
    ),
)

CALLERS: Final = (*SESSIONS, *SHOWN, *REPEATS, *STREAMS, *MISSING)
