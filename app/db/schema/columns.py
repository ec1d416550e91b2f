"""What all tables share: the metadata, and kinds of columns and constraints."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import UserDefinedType

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Makes the constraint that `column` has one of the `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def kind_of_object() -> sa.CheckConstraint:
    """Makes the constraint that `kind` is one of objects."""
    return one_of("kind", "persons", "duties", "groups", "activities")


class TransactionId(UserDefinedType[str]):
    """The number of a transaction (xid8), as text: it never comes again, and does not begin anew."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


# Whoever reads a database's tables back, as Alembic does, meets it by its name.
pg.base.ischema_names["xid8"] = TransactionId


def key_of(column: str) -> str:
    """Writes the expression of the id, as bytes, of the key that a sealed value in `column` was sealed with.

    Only the value's beginning is read; one that is none gives something that is no key's id.
    """
    return f"substr({column}, 2, get_byte(substr({column}, 1, 1) || '\\x00'::bytea, 0) & 63)"


UUID = pg.UUID(as_uuid=True)
Time = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")
