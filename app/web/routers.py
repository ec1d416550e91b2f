"""All routes of the pages, in the order in which they are tried."""

from typing import Final

from app.web import (
    elsewhere,
    exams,
    files,
    history,
    job_page,
    object_page,
    operations,
    operator_actions,
    provider_sign_in,
    record_page,
    run_actions,
    run_page,
    seen_page,
    sending,
    session_watch,
    sign_in,
)

ROUTERS: Final = (
    files.router,
    sign_in.router,
    provider_sign_in.router,
    session_watch.router,
    history.router,
    run_page.router,
    run_actions.router,
    job_page.router,
    record_page.router,
    object_page.router,
    seen_page.router,
    exams.router,
    sending.router,
    operations.router,
    operator_actions.router,
    elsewhere.router,
)
