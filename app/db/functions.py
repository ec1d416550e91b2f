"""The functions and triggers of the database, as they are now: `app/db/sql` has a file each, migrations apply them."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from app.db.sealed import sealed_functions
from app.domain.lifecycle import GRAPHS, Graph

# Those that the others call come first.
_FIRST = ("guards.sql", "staged.sql")


def all_functions() -> Iterator[str]:
    """Gives the SQL of everything, each file by itself, in an order in which it can be applied to the tables."""
    yield lifecycle_sql(GRAPHS)
    folder = files("app.db") / "sql"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    for name in [*_FIRST, *(each for each in names if each not in _FIRST)]:
        yield (folder / name).read_text(encoding="utf-8")
    yield from sealed_functions()


def lifecycle_sql(graphs: Mapping[str, Graph]) -> str:
    """Makes the function by which the guards ask whether a state may follow another; `graphs` are those by kind."""
    edges = ",\n        ".join(
        f"('{kind}', '{was}', '{becomes}')"
        for kind, graph in graphs.items()
        for was, following in graph.items()
        for becomes in sorted(following)
    )
    return f"""
CREATE OR REPLACE FUNCTION lifecycle_allows(kind text, was text, becomes text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (kind, was, becomes) IN (
        {edges}
    )
$$;
"""
