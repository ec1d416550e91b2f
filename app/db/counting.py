"""A job's progress, counted from its records: never kept by adding up, so that it can't drift."""

# For the SET part of an UPDATE of job.
COUNT_RECORDS = """
    (total, pending, sent, succeeded, warnings, errors, skipped) = (
        SELECT count(*),
            count(*) FILTER (WHERE record.status = 'pending'),
            count(*) FILTER (WHERE record.status = 'sent'),
            count(*) FILTER (WHERE record.status = 'succeeded'),
            count(*) FILTER (WHERE record.status = 'warning'),
            count(*) FILTER (WHERE record.status = 'error'),
            count(*) FILTER (WHERE record.status = 'skipped')
        FROM record WHERE record.organisation_id = job.organisation_id AND record.job_id = job.id
    )
"""
