"""What `reading` looks at: years of work beside three exams that have really been sent, and somebody to sign in.

The exams go through the service and a simulator of Skolverket, so that their pages have all that pages have. The rest
is as `many_rows` writes it, but with contents that can be opened and found: each says what one of the exams' objects
says.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg

from app.db.cipher import Cipher, OrganisationCipher, OwnKeys, cipher_of
from app.db.engine import connect
from app.db.free_text import name_place, seal_text
from app.db.search_index import SearchIndex
from app.db.tenants import create_key, create_operator_key
from app.demo.roster import ROSTER_KEYS, RosterPlan, generate, json_chunks, reference_only, roster_only
from benchmarks.many_rows import BUSY, LARGE, Size, fill
from benchmarks.plans_calls import named
from benchmarks.processes import Workshop
from benchmarks.service import Run, Service, service, workers

_NUMBER = "3000000001"
_CALLS = "1000"
# Uploads of the exams come after those that `many_rows` writes.
_UPLOADS = 10_000_000
# Of the exams' objects so many are said again by others.
_SPECIMENS = 20_000


@dataclass(frozen=True)
class Much:
    """How much there is: persons of the three exams, the largest first, and what `many_rows` adds to them."""

    persons: tuple[int, int, int]
    size: Size

    @classmethod
    def of(cls, jobs: int, records: int, *, smallest: bool = False) -> "Much":
        """Plans for about so many jobs and records; `smallest` is what can be made in seconds."""
        if smallest:
            return cls((120, 80, 40), Size.of(jobs, records, large=10, busy_size=100))
        # One in eleven is on the staff.
        return cls((BUSY, 22_000, 2_000), Size.of(jobs, records, large=LARGE, busy_size=BUSY))


@dataclass(frozen=True)
class Exam:
    """An exam that was sent: its id, its run's as it is shown, and its roster."""

    id: str
    run: Mapping[str, Any]
    roster: Mapping[str, Sequence[Mapping[str, Any]]]

    def job(self, stage: str) -> str:
        """Gives the id of the job of a stage."""
        return next(str(job["id"]) for job in self.run["jobs"] if job["stage"] == stage)


@dataclass(frozen=True)
class Filled:
    """What there is to look at: the exams, the largest first, how much beside them, and a key of each sort."""

    exams: Sequence[Exam]
    size: Size
    key: str
    operator_key: str


def fill_database(shop: Workshop, much: Much) -> Filled:
    """Writes it all into a migrated database, and has Postgres look at it as it would have by then."""
    url = shop.env["DATABASE_URL"]
    cipher = cipher_of(shop.env["ENCRYPTION_KEYS"])
    key, operator_key = asyncio.run(_tenant(url, cipher))
    with _timed("three exams sent"):
        exams = _sent(shop, key, much.persons)
    with psycopg.connect(url, autocommit=True) as conn:
        with _timed("years of work written"):
            fill(conn, much.size, lambda conn: _write_contents(conn, cipher, exams[0].roster))
        with _timed("vacuumed"):
            conn.execute("VACUUM (ANALYZE)")
        for table in ("job", "record", "content"):
            print(f"{_number(conn, f'SELECT count(*) FROM {table}'):>12,d} {table}")  # noqa: S608
        print(f"{_number(conn, 'SELECT pg_database_size(current_database())') / 1e9:>12.1f} GB", flush=True)
    return Filled(exams, much.size, key, operator_key)


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:>10.0f} s {what}", flush=True)


def _number(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0


async def _tenant(url: str, cipher: Cipher) -> tuple[str, str]:
    """Makes the organisation that has nearly all, a key that may see all of it, and one of an operator."""
    own = _own_keys(cipher, 1)
    database = connect(url, pool=1)
    async with database.begin() as conn:
        await conn.exec_driver_sql(
            "INSERT INTO organisation (id, number, name, salt, digest_key, last_upload)"
            " VALUES (%s, %s, 'Benchmark', %s, %s, %s)",
            (named("organisation 1"), _NUMBER, *own, _UPLOADS),
        )
        scopes = ("provision", "history", "pii", "protected")
        key = (await create_key(conn, _NUMBER, "benchmark", scopes)).text
        operator_key = (await create_operator_key(conn, "operator")).text
    await database.dispose()
    return key, operator_key


def _sent(shop: Workshop, key: str, persons: Sequence[int]) -> list[Exam]:
    """Sends exams of so many persons, some records of each spoiled; and makes a plan of what would be sent next."""
    simulator = ("--job-delay", "0", "--calls-per-second", _CALLS, "--reads-per-second", _CALLS)
    settings = {
        "SKOLVERKET_CALLS_PER_SECOND": _CALLS,
        "SKOLVERKET_READS_PER_SECOND": _CALLS,
        "SKOLVERKET_ANSWER_AFTER": "0.01",
    }
    schools = max(1, min(persons) // 50)
    exams = []
    with service(shop, *simulator, **settings) as at, workers(at):
        for number, each in enumerate(persons):
            plan = RosterPlan(
                persons=each,
                schools=schools,
                people=f"exam {number}",
                defects=min(40, each // 20),
                organisation_number=_NUMBER,
            )
            generated = generate(plan)
            at.know(reference_only(generated))
            exams.append(_exam(at, key, roster_only(generated)))
    return exams


def _exam(at: Service, key: str, roster: Mapping[str, Any]) -> Exam:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    activity = uuid4()
    body = "".join(json_chunks({"display_name": "Benchmark", "roster": roster})).encode()
    at.api.put(f"/activities/{activity}", content=body, headers=headers).raise_for_status()
    asked = at.api.post(f"/activities/{activity}/provision", headers=headers, json={"on_record_error": "continue"})
    run = at.finished(Run(asked.raise_for_status().headers["Location"], key))
    at.api.post(f"/activities/{activity}/plan", headers=headers).raise_for_status()
    return Exam(str(activity), run, roster)


@dataclass(frozen=True)
class _Specimen:
    """What an object says, in front of its id and behind it, and by which buckets it is found."""

    before: bytes
    behind: bytes
    words: str


def _write_contents(conn: psycopg.Connection[Any], cipher: Cipher, roster: Mapping[str, Any]) -> None:
    """Writes the contents of the rosters that `many_rows` has in its table `queue`."""
    queues = conn.execute("SELECT number, owner, size FROM queue ORDER BY number").fetchall()
    owners = {
        owner: cipher.of(named(f"organisation {owner}"), b"".join(_own_keys(cipher, owner))) for _, owner, _ in queues
    }
    _name_activities(conn, owners)
    # Only in the organisation that is looked at something is searched for.
    index = SearchIndex(owners[1])
    specimens = [list(_specimens(kind, roster[kind], index)) for kind in ROSTER_KEYS]
    columns = "organisation_id, digest, kind, object_id, sealed, words"
    with conn.cursor() as cursor, cursor.copy(f"COPY content ({columns}) FROM STDIN") as copy:
        for number, owner, size in queues:
            of_owner = owners[owner]
            for position, kind in enumerate(ROSTER_KEYS, 1):
                of_kind = specimens[position - 1]
                for i in range(1, size + 1):
                    name = f"object {number}.{position}.{i}"
                    specimen = of_kind[(number * 7919 + i) % len(of_kind)]
                    object_id, digest = named(name), hashlib.sha256(name.encode()).digest()
                    plain = specimen.before + str(object_id).encode() + specimen.behind
                    sealed = of_owner.seal(plain, digest).hex()
                    copy.write(
                        f"{of_owner.organisation_id}\t\\\\x{digest.hex()}\t{kind}\t{object_id}\t\\\\x{sealed}"
                        f"\t{specimen.words}\n"
                    )


def _name_activities(conn: psycopg.Connection[Any], owners: Mapping[int, OrganisationCipher]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE activity SET display_name_sealed = %s WHERE organisation_id = %s AND id = %s",
            [
                (seal_text(owners[owner], f"Activity {number}", name_place(exam)), owners[owner].organisation_id, exam)
                for number, owner, exam in conn.execute("SELECT number, owner, id FROM queue").fetchall()
            ],
        )


def _specimens(kind: str, items: Sequence[Mapping[str, Any]], index: SearchIndex) -> Iterator[_Specimen]:
    for item in items[:_SPECIMENS]:
        before, behind = json.dumps(item, separators=(",", ":")).encode().split(item["id"].encode(), 1)
        yield _Specimen(before, behind, "{" + ",".join(map(str, index.buckets(kind, item))) + "}")


def _own_keys(cipher: Cipher, owner: int) -> OwnKeys:
    salt = hashlib.sha256(f"organisation {owner}".encode()).digest()
    return cipher.keys_with(named(f"organisation {owner}"), salt, hashlib.sha256(salt).digest())
