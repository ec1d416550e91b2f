"""A job's progress, counted from its records: never kept by adding up, so that it can't drift."""

# All records of a job. A range is taken to be narrow, also by a planner whose statistics know of few runs yet: by the
# number of those it would take one run for a large part of the table, and read that from end to end.
OF_JOB = "record.run_id = job.run_id AND record.stage BETWEEN job.stage AND job.stage"

# For the SET part of an UPDATE of job.
COUNT_RECORDS = f"""
    (total, pending, sent, succeeded, warnings, errors, skipped) = (
        SELECT count(*),
            count(*) FILTER (WHERE record.status = 'pending'),
            count(*) FILTER (WHERE record.status = 'sent'),
            count(*) FILTER (WHERE record.status = 'succeeded'),
            count(*) FILTER (WHERE record.status = 'warning'),
            count(*) FILTER (WHERE record.status = 'error'),
            count(*) FILTER (WHERE record.status = 'skipped')
        FROM record WHERE {OF_JOB}
    )
"""  # noqa: S608 - constants of ours
