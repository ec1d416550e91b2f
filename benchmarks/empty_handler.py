"""The least that FastAPI can do: the opponent of `polls`."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def empty() -> None:
    """Does nothing."""
