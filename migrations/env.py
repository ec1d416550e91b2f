"""Alembic's entry: takes the connection that the caller put in its config, or the URL of the settings."""

import sqlalchemy as sa
from alembic import context

from app.db.tables import metadata
from app.settings import Settings


def _run(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    engine = sa.create_engine(Settings().sqlalchemy_url)
    with engine.connect() as connection:
        _run(connection)
    engine.dispose()
