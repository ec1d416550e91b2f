"""procrastinate as it comes, for `chains`: an app over the database of DATABASE_URL, with a task that does nothing."""

import os

from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", "")))


@app.task
async def no_op() -> None:
    """Does nothing."""
