"""What is shown of the audit: who did what, how and when; it names nobody whom it is about."""

from app.views import Row, Shown


def show_audit_row(row: Row, *, may_see_protected: bool) -> Shown:
    """Shows a row; the key's name is what its organisation calls it.

    How many protected persons it is about is told to whom `may_see_protected` says so, and is null for others.
    """
    return {
        "at": row["at"],
        "actor": {"kind": row["actor_kind"], "handle": row["actor"] or None, "name": row["key_name"]},
        **{name: row[name] for name in ("action", "via", "run_id", "job_id", "activity_id", "objects")},
        "protected": row["protected"] if may_see_protected else None,
    }
