"""Faults of the audit: somebody is seen without a row, a row names somebody, a chain holds whatever is done to it."""

from typing import Final

from tests.mutants.fault import Fault

AUDIT: Final = (
    Fault(
        "whoever is shown a page of records is in no row",
        '        disclosure.write(parts, "read_records", job_id=job_id, after=after, searched=searched),\n',
        "        asyncio.sleep(0),\n",
        ("disclosures",),
    ),
    Fault(
        "an answer is given although its row cannot be written",
        "        raise NotAudited(_CANNOT) from None\n",
        "",
        ("disclosures",),
    ),
    Fault(
        "a change of a run has no row",
        "                await write_change(\n                    conn, of, _ACTIONS[name], run_id=changed.run_id,"
        " activity_id=activity_id, allow=allow\n                )\n",
        "",
        ("audited changes",),
    ),
    Fault(
        "an answer that is given again has no row",
        "                await write_change(conn, of, _ACTIONS[name], run_id=before.run_id, replayed=True)\n",
        "                pass\n",
        ("audited changes",),
    ),
    Fault(
        "who guesses keys fills the audit",
        "        if buckets.standing(key, now).wait:\n            self.missed += 1\n            return False\n",
        "",
        ("audited changes",),
    ),
    Fault(
        "names that messages speak of are in no row",
        "        rows = list(opened)\n        self.add(rows)\n",
        "        rows = list(opened)\n",
        ("disclosures",),
    ),
    Fault(
        "who is masked is in a row",
        "            if not (is_masked(row, self.viewer) if masked is None else masked):\n",
        "            if True:\n",
        ("disclosures",),
    ),
    Fault(
        "whose duty is shown is in no row",
        'if row["kind"] == "duties" and row["person_id"] is not None:\n                    self.add',
        'if row["kind"] == "nobody\'s" and row["person_id"] is not None:\n                    self.add',
        ("disclosures",),
    ),
    Fault(
        "a roster is read back without its rows",
        '        disclosure.add_object(item["object_id"], protected=item["protected"])\n',
        "        pass\n",
        ("disclosures",),
    ),
    Fault(
        "digests of ids have no key",
        'digest = cipher.trait("audit", "", object_id)',
        "digest: bytes | None = object_id.bytes",
        ("disclosures",),
    ),
    Fault(
        "a place in a list is kept with ids and words",
        "        if isinstance(each, int | datetime | Kind)\n",
        "        if each is not None\n",
        ("chain of the audit",),
    ),
    Fault(
        "a link has nothing of the one before",
        'return hmac.digest(key, before + seq.to_bytes(8, "big") + canonical(row), "sha256")',
        'return hmac.digest(key, seq.to_bytes(8, "big") + canonical(row), "sha256")',
        ("chain of the audit",),
    ),
    Fault(
        "a link is not held against its row",
        "if not hmac.compare_digest(each.digest, link(key, place.digest, each.seq, each.row)):",
        "if len(each.digest) != len(link(key, place.digest, each.seq, each.row)):",
        ("chain of the audit",),
    ),
    Fault(
        "a link that is missing is passed over",
        "if each.seq != place.seq + 1 or each.row is None:",
        "if each.row is None:",
        ("chain of the audit",),
    ),
    Fault(
        "fields have no lengths",
        'return b"+" + len(plain).to_bytes(4, "big") + plain',
        'return b"+" + plain',
        ("chain of the audit",),
    ),
    Fault(
        "the chain begins anew when its key is lost",
        "        if await conn.scalar(_BEGUN):\n            raise ChainKeyLost\n",
        "",
        ("audit",),
    ),
    Fault(
        "the chain's key stays with the older key",
        '    SealedColumn("audit_key", "key_sealed", lambda row: CHAIN_KEY_PLACE, of="owner"),\n',
        "",
        ("audit",),
    ),
    Fault(
        "what is chained stays to be chained",
        "    DELETE FROM audit_unchained WHERE audit_id = ANY (CAST(:ids AS uuid[]))",
        "    SELECT FROM audit_unchained WHERE audit_id = ANY (CAST(:ids AS uuid[]))",
        ("audit",),
    ),
    Fault(
        "the owner of the tables changes rows",
        "BEFORE UPDATE OR DELETE OR TRUNCATE ON audit\n",
        "BEFORE TRUNCATE ON audit\n",
        ("audit",),
    ),
    Fault(
        "who writes a row says when",
        '"SELECT, INSERT (organisation_id, actor_kind,',
        '"SELECT, INSERT (at, organisation_id, actor_kind,',
        ("audit",),
    ),
    Fault(
        "the API cuts the audit",
        '        yield f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"\n',
        "",
        ("policies",),
    ),
    Fault(
        "a cut goes past its checkpoint",
        "WHERE seq <= up_to ORDER BY seq LIMIT most",
        "WHERE seq <= up_to + 1 ORDER BY seq LIMIT most",
        ("audit",),
    ),
    Fault(
        "a cut takes what is newer than it may",
        "SELECT max(seq) FROM audit_checkpoint WHERE at < :moment",
        "SELECT max(seq) FROM audit_checkpoint WHERE at < :moment OR at >= :moment",
        ("audit",),
    ),
    Fault(
        "a cut that nobody has noted is taken for one",
        "    if begin.seq and not await conn.scalar(_CUT_NOTED,",
        "    if not begin.seq and not await conn.scalar(_CUT_NOTED,",
        ("audit",),
    ),
    Fault(
        "an anchor holds whatever the link is",
        "    if bytes(found) != anchor.digest:\n",
        "    if not found:\n",
        ("audit",),
    ),
    Fault(
        "rows that were put in past the service are passed over",
        "    if inserted := await conn.scalar(_INSERTED):",
        "    if (inserted := await conn.scalar(_INSERTED)) and inserted < 0:",
        ("audit",),
    ),
    Fault(
        "a session that only reads is asked for the row of the next answer too",
        "        if driver.closed or isinstance(problem, _LEAVE):\n",
        "        if driver.closed:\n",
        ("audit",),
    ),
    Fault(
        "the row of an answer is on behalf of nobody",
        "    PERFORM act_for(of_organisation);\n    INSERT INTO audit (\n",
        "    INSERT INTO audit (\n",
        ("audit",),
    ),
    Fault(
        "a session that has ended is kept for the row of the next answer",
        "        if driver.closed or isinstance(problem, _LEAVE):\n",
        "        if isinstance(problem, _LEAVE):\n",
        ("audit",),
    ),
    Fault(
        "a worker cuts what was written a moment ago",
        "    IF EXISTS (SELECT FROM audit WHERE id = ANY (going) AND at >",
        "    IF EXISTS (SELECT FROM audit WHERE false AND id = ANY (going) AND at >",
        ("audit",),
    ),
    Fault(
        "a cut of no row takes a checkpoint",
        "    IF coalesce(most, 0) < 1 THEN\n",
        "    IF false THEN\n",
        ("audit",),
    ),
    Fault(
        "a cut of an old row takes a checkpoint behind a new one",
        "        WHERE audit_link.seq <= up_to ORDER BY audit_link.seq DESC LIMIT 1\n",
        "        WHERE false AND audit_link.seq <= up_to ORDER BY audit_link.seq DESC LIMIT 1\n",
        ("audit",),
    ),
    Fault(
        "a cut goes behind the last link",
        "        WHERE audit_link.seq <= up_to ORDER BY audit_link.seq DESC LIMIT 1\n",
        "        WHERE audit_link.seq = up_to ORDER BY audit_link.seq DESC LIMIT 1\n",
        ("audit",),
    ),
)
