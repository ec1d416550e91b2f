"""Faults of signing in at a provider: what is believed of a token, whose session it is, and what claims are worth."""

from typing import Final

from tests.mutants.fault import Fault

SIGN_IN: Final = (
    Fault(
        "any algorithm will do",
        "if not isinstance(algorithm, str) or algorithm not in algorithms:",
        "if not isinstance(algorithm, str):",
        ("forged tokens",),
    ),
    Fault(
        "a key signs in every way",
        "if header.algorithm not in key.algorithms or header.key_id != key.key_id:",
        "if header.key_id != key.key_id:",
        ("provider's documents", "forged tokens"),
    ),
    Fault(
        "a key is found whatever it signs",
        " and algorithm in each.algorithms), None)",
        "), None)",
        ("provider's documents",),
    ),
    Fault(
        "what must be understood is passed over",
        'if "crit" in header or "b64" in header:',
        "if False:",
        ("forged tokens",),
    ),
    Fault(
        "a token of another type passes",
        "if not isinstance(type_, str) or type_.lower() not in types:",
        "if not isinstance(type_, str):",
        ("forged tokens",),
    ),
    Fault(
        "a token of another audience passes",
        "            audience=expected.audience,\n",
        '            audience=jwt.decode(token, options={"verify_signature": False}).get("aud"),\n',
        ("forged tokens",),
    ),
    Fault("a token of another issuer passes", "            issuer=expected.issuer,\n", "", ("forged tokens",)),
    Fault(
        "a token is good for minutes longer",
        "            leeway=LEEWAY,\n",
        "            leeway=120,\n",
        ("forged tokens",),
    ),
    Fault(
        "a token may lack its end",
        'options={"require": ["iss", "aud", "exp", "iat", "sub"]}',
        'options={"require": ["iss", "aud", "iat", "sub"]}',
        ("forged tokens",),
    ),
    Fault(
        "the signature is not looked at",
        'options={"require": ["iss", "aud", "exp", "iat", "sub"]}',
        'options={"require": ["iss", "aud", "exp", "iat", "sub"], "verify_signature": False, "verify_aud": True,'
        ' "verify_iss": True, "verify_exp": True, "verify_nbf": True, "verify_iat": True}',
        ("forged tokens",),
    ),
    Fault(
        "an ID token counts for another sign-in",
        "if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):",
        "if not isinstance(given, str):",
        ("forged tokens",),
    ),
    Fault(
        "a token for another party passes",
        "or party not in (None, expected.audience):",
        "or False:",
        ("forged tokens",),
    ),
    Fault(
        "an ID token opens the API",
        'if not {"nonce", "at_hash", "c_hash"}.isdisjoint(claims) or claims',
        "if claims",
        ("forged tokens",),
    ),
    Fault(
        "a token that is bound to a key passes without it",
        '    if "cnf" in claims:\n',
        "    if False:\n",
        ("forged tokens",),
    ),
    Fault(
        "deeply nested JSON ends the request",
        "OverflowError, RecursionError):\n        raise NotBelieved",
        "OverflowError):\n        raise NotBelieved",
        ("forged tokens",),
    ),
    Fault(
        "a key whose halves are one is a key",
        '    ("OKP", "Ed25519"): ("EdDSA",),\n',
        '    ("OKP", "Ed25519"): ("EdDSA",),\n    ("oct", None): ("HS256",),\n',
        ("provider's documents",),
    ),
    Fault(
        "a key for encryption verifies",
        'given.get("use", "sig") != "sig" or "d" in given',
        '"d" in given',
        ("provider's documents",),
    ),
    Fault(
        "short keys of RSA are taken",
        "public.key_size < _LEAST_RSA_BITS",
        "public.key_size < 512",
        ("provider's documents",),
    ),
    Fault(
        "another issuer's document is believed",
        '    if document.get("issuer") != issuer:\n',
        "    if False:\n",
        ("provider's documents",),
    ),
    Fault(
        "the provider's addresses may be in clear",
        "        if not isinstance(each, str) or not is_protected_http(each):\n",
        "        if not isinstance(each, str):\n",
        ("bearer tokens",),
    ),
    Fault(
        "calls follow redirects",
        "follow_redirects=False, timeout=within) as http",
        "follow_redirects=True, timeout=within) as http",
        ("bearer tokens",),
    ),
    Fault(
        "an answer without an end is read",
        "        if len(content) > LARGEST:\n",
        "        if False:\n",
        ("bearer tokens",),
    ),
    Fault(
        "each unknown key has the key set read",
        "return self._clock() - self._asked_at >= (FIRST_AGAIN_AFTER if self._document is None else AGAIN_AFTER)",
        "return True",
        ("provider's documents", "bearer tokens"),
    ),
    Fault("an unknown key is never looked for again", " or not has(self._document)", "", ("bearer tokens",)),
    Fault(
        "many read the key set at once",
        "                if self._lacks(has) and self._may_ask():\n",
        "                if True:\n",
        ("provider's documents",),
    ),
    Fault(
        "whoever comes while keys are read is refused",
        "(self._lock.locked() or self._may_ask()):",
        "self._may_ask():",
        ("provider's documents",),
    ),
    Fault(
        "keys that the provider has withdrawn stay",
        "self._clock() - self._read_at > GOOD_FOR or",
        "False or",
        ("provider's documents",),
    ),
    Fault(
        "keys are used for ever", " or self._clock() - self._read_at > NO_LONGER_THAN", "", ("provider's documents",)
    ),
    Fault(
        "an answer is taken from whatever browser",
        ' or not hmac.compare_digest(said.get("state", "").encode(), transaction.state.encode()):',
        ":",
        ("provider's answers",),
    ),
    Fault(
        "what stands there twice counts once",
        " if len(given.getlist(name)) == 1}",
        " if name in given}",
        ("provider's answers",),
    ),
    Fault(
        "the answer of another provider is taken",
        "        if issuer != self.issuer:\n",
        "        if False:\n",
        ("provider's answers",),
    ),
    Fault(
        "a way that was begun is good for ever",
        "return opened if opened is not None and opened.is_good(time.time()) else None",
        "return opened",
        ("provider's answers",),
    ),
    Fault(
        "the verifier is the challenge",
        '"code_challenge": transaction.challenge,',
        '"code_challenge": transaction.verifier,',
        ("provider's documents",),
    ),
    Fault(
        "the way stays open behind an answer", "    _UNDER_WAY.remove(request, answer)\n", "", ("provider's answers",)
    ),
    Fault(
        "the page after it may be anywhere",
        'following = following if is_ours(following) and not is_operators(following) else ""',
        "following = following",
        ("provider's answers",),
    ),
    Fault(
        "a code costs whoever guesses nothing",
        "        parts.limits.note_failed_code(client)\n",
        "        pass\n",
        ("provider's sessions",),
    ),
    Fault(
        "codes go to the provider however many have failed",
        "        if wait := parts.limits.wait_after_failed_codes(client):\n",
        "        if wait := 0.0:\n",
        ("provider's sessions",),
    ),
    Fault(
        "keys that fail keep people from signing in",
        "        if wait := parts.limits.wait_after_failed_codes(client):\n",
        "        if wait := parts.limits.wait_after_failures(client):\n",
        ("provider's strangers",),
    ),
    Fault(
        "an answer that nobody has asked for counts",
        '        raise _Refused("stale", "state")\n',
        "        parts_of(request).limits.note_failed_code(request.client.host if request.client else '')\n"
        '        raise _Refused("stale", "state")\n',
        ("provider's strangers",),
    ),
    Fault(
        "codes go to the provider all at once",
        "        leave = await parts.redemptions.enter(network_of(client), _PLACE_WITHIN)\n",
        "        leave = lambda: None\n",
        ("provider's strangers",),
    ),
    Fault(
        "a code that has been taken keeps its place",
        "    finally:\n        leave()\n",
        "    finally:\n        pass\n",
        ("provider's strangers",),
    ),
    Fault(
        "strangers' tokens keep good ones out",
        "    claims = await parts.tokens.verify(text)\n    if claims is None:\n",
        "    claims = await parts.tokens.verify(text)\n    if claims is None or parts.limits.wait_after_failures("
        'request.client.host if request.client else ""):\n',
        ("provider's strangers", "bearer tokens"),
    ),
    Fault(
        "good tokens without rights cost nothing",
        "        parts.limits.note_refused_token(subject)\n",
        "        pass\n",
        ("bearer tokens",),
    ),
    Fault(
        "somebody else may step up",
        'if transaction.stepping_up not in ("", key.handle):',
        "if False:",
        ("provider's sessions",),
    ),
    Fault(
        "whoever comes back has stepped up",
        "    if transaction.stepping_up and not present:\n",
        "    if False:\n",
        ("provider's sessions",),
    ),
    Fault(
        "protected persons are shown without a proof",
        '        key = replace(key, scopes=key.scopes - {"protected"})\n',
        "        pass\n",
        ("provider's sessions",),
    ),
    Fault(
        "protected persons are shown for the whole session",
        "if now < self.protected_until else None",
        "if self.protected_until else None",
        ("session tokens", "provider's sessions"),
    ),
    Fault(
        "an old sign-in is a new one",
        "    if since is not None and at < since - LEEWAY:\n",
        "    if False:\n",
        ("provider's documents",),
    ),
    Fault(
        "an acr of hours ago shows protected persons",
        "    if at is None or not now - PRESENT_FOR <= at <= now + LEEWAY:\n        return False\n",
        "    if not acr_values and (at is None or not now - PRESENT_FOR <= at <= now + LEEWAY):\n        return False\n"
        "    at = at or now\n",
        ("provider's documents",),
    ),
    Fault(
        "a sign-in of the last minutes does without the acr",
        "    return not acr_values or has_acr(claims, acr_values)\n",
        "    return True\n",
        ("provider's documents",),
    ),
    Fault(
        "a token that is renewed shows protected persons for ever",
        "return at + shown_for if at is not None and at <= now + LEEWAY else 0.0",
        "return math.inf",
        ("provider's documents",),
    ),
    Fault(
        "a token that is known shows protected persons for minutes longer",
        "until = min(ends, now + _VERIFIED_FOR, shown_until if with_protected else ends)",
        "until = min(ends, now + _VERIFIED_FOR)",
        ("bearer tokens",),
    ),
    Fault(
        "any acr will do",
        "return isinstance(acr, str) and acr in acr_values",
        "return isinstance(acr, str)",
        ("provider's documents",),
    ),
    Fault(
        "a session outlives its provider",
        "if provider is None or session.issuer != provider.issuer:",
        "if provider is None:",
        ("provider's sessions",),
    ),
    Fault(
        "keys sign in where they are turned off",
        "    if not may_sign_in(key) or not takes_key(parts, key):\n",
        "    if not may_sign_in(key):\n",
        ("provider's sessions",),
    ),
    Fault(
        "two organisations are one of them",
        "    if len(organisations) != 1:\n",
        "    if not organisations:\n",
        ("provider's documents",),
    ),
    Fault(
        "what is had in one unit is had in all",
        "    counting = whole or rows\n",
        "    counting = rows\n",
        ("provider's documents",),
    ),
    Fault(
        "protected in one school is protected in the other",
        "reduce(frozenset[str].intersection, in_each)",
        "reduce(frozenset[str].union, in_each)",
        ("provider's documents",),
    ),
    Fault(
        "a part of a text is a value",
        "    listed = given if isinstance(given, list) else [given]\n",
        "    listed = given if isinstance(given, list) else str(given).split()\n",
        ("provider's documents",),
    ),
    Fault(
        "a token has what another one gave",
        "scopes = caller.scopes & rights.scopes - (",
        "scopes = caller.scopes - (",
        ("provider's documents",),
    ),
    Fault(
        "a token shows protected persons by itself",
        'frozenset() if with_protected else {"protected"}',
        "frozenset()",
        ("provider's documents",),
    ),
    Fault(
        "a token goes on with what another one has left it",
        " or (caller.scopes, caller.school_units) != (known.scopes, known.rights.school_units):",
        ":",
        ("bearer tokens",),
    ),
    Fault(
        "a token is good once it was",
        "if self._clock() < known.until else None",
        "if True else None",
        ("bearer tokens",),
    ),
    Fault(
        "tokens are remembered without an end",
        "        if len(self._verified) > self._most:\n",
        "        if False:\n",
        ("bearer tokens",),
    ),
    Fault(
        "tokens that fail cost nothing",
        "        parts.limits.note_failure(client)\n    else:\n",
        "    else:\n",
        ("bearer tokens",),
    ),
    Fault(
        "a subject is kept as it is called",
        'cipher.trait("subject", f"{issuer}\\0{subject}")',
        "subject.encode()[:16].ljust(16)",
        ("subjects", "provider's sessions"),
    ),
    Fault(
        "the API admits for whom it does not act",
        "    IF acting_for() IS DISTINCT FROM of_organisation THEN\n        PERFORM refuse('admit_subject', 'whoever",
        "    IF false THEN\n        PERFORM refuse('admit_subject', 'whoever",
        ("subjects",),
    ),
    Fault(
        "the API gives what it likes",
        " AND CASE WHEN with_units IS NULL THEN school_units IS NULL ELSE unit = ANY (school_units) END\n",
        "\n",
        ("subjects",),
    ),
    Fault(
        "the API gives whatever scope it likes",
        "id = ANY (granted) AND scope = ANY (scopes)\n",
        "id = ANY (granted)\n",
        ("subjects",),
    ),
    Fault(
        "rows of other organisations give rights",
        "id = ANY (granted) AND organisation_id = of_organisation AND issuer = of_issuer\n",
        "id = ANY (granted)\n",
        ("subjects",),
    ),
    Fault(
        "a row of a subject has no end", "least(until, clock_timestamp() + interval '24 hours')", "until", ("subjects",)
    ),
    Fault(
        "whoever was revoked comes back",
        "AND subject = of_subject AND revoked_at IS NULL\n",
        "AND subject = of_subject\n",
        ("subjects",),
    ),
    Fault(
        "what is unmapped goes on",
        "sa.update(api_key).where(by_it, api_key.c.expires_at > now)",
        "sa.update(api_key).where(sa.false())",
        ("subjects",),
    ),
    Fault(
        "sessions come back with what was unmapped",
        "sa.delete(session).where(session.c.api_key_id == api_key.c.id, by_it)",
        "sa.delete(session).where(session.c.api_key_id == api_key.c.id, sa.false())",
        ("provider's sessions",),
    ),
    Fault(
        "what is unmapped signs everybody out",
        "sa.delete(session).where(session.c.api_key_id == api_key.c.id, by_it)",
        "sa.delete(session).where(session.c.api_key_id == api_key.c.id)",
        ("provider's sessions",),
    ),
    Fault(
        "a disabled organisation's rows count",
        ".where(c.issuer == issuer, organisation.c.disabled_at.is_(None))",
        ".where(c.issuer == issuer)",
        ("subjects",),
    ),
)
