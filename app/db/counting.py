"""How a statement names all records of a job."""

# A range is taken to be narrow, also by a planner whose statistics know of few runs yet: by the number of those it
# would take one run for a large part of the table, and read that from end to end.
OF_JOB = "record.run_id = job.run_id AND record.stage BETWEEN job.stage AND job.stage"
