"""How long Skolverket usually takes with a batch of each kind: learned from every answer, known to all workers."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.retry import usual_wait
from app.domain.stages import Stage


async def answer_time(conn: AsyncConnection, stage: Stage) -> timedelta | None:
    """Gives the time after which an answer is usually there; None before the first."""
    usual: timedelta | None = await conn.scalar(
        sa.text("SELECT usual FROM answer_time WHERE stage = :stage"), {"stage": stage.value}
    )
    return usual


async def learn_answer_time(
    conn: AsyncConnection, stage: Stage, first_guess: timedelta, questions: int, age: timedelta
) -> None:
    """Learns from a batch whose answer was complete at its nth question, `age` after it was accepted."""
    usual = await conn.scalar(
        sa.text("SELECT usual FROM answer_time WHERE stage = :stage FOR UPDATE"), {"stage": stage.value}
    )
    await conn.execute(
        sa.text(
            "INSERT INTO answer_time (stage, usual) VALUES (:stage, :usual)"
            " ON CONFLICT (stage) DO UPDATE SET usual = excluded.usual"
        ),
        {"stage": stage.value, "usual": usual_wait(usual or first_guess, questions, age, first_guess)},
    )
