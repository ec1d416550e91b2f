"""What the doctor says, by code; the names in braces are filled in by `diagnosis`."""

from collections.abc import Mapping

# For each code: what is so, why, and what would free it.
SAID: Mapping[str, tuple[str, str, str]] = {
    "not_migrated": (
        "The database lacks this version's tables.",
        "Workers of this version wait for them, and the API answers 503.",
        "python -m app migrate",
    ),
    "no_worker": (
        "No worker is alive; {heard}.",
        "None runs, or those that do cannot reach Postgres: their logs say so.",
        "python -m app worker",
    ),
    "worker_silent": (
        "Worker {worker} says nothing; it holds {leases}.",
        "It was killed or stopped, or does not reach Postgres.",
        "nothing to do: its leases run out, and other workers take its jobs",
    ),
    "circuit_open": (
        "Skolverket's {service} service is away: its circuit is open.",
        "{calls} in a row without an answer, the last: {fault}. All jobs wait.",
        "the first probe that is answered; the next is {probe}. Look at Skolverket's service status, and whether this"
        " network reaches it.",
    ),
    "calls_failing": (
        "Calls to Skolverket's {service} service go unanswered.",
        "{calls} in a row, the last: {fault}.",
        "the next answer; at five in a row the circuit opens",
    ),
    "token_failing": (
        "Organisation {organisation} gets no token.",
        "The last try failed: {fault}.",
        "python -m app organisations check --number {organisation}",
    ),
    "calls_held_back": (
        "Slots for {bucket} are held back for another {ahead}.",
        "Skolverket asked for fewer calls (429), or others use up the limit of the same address.",
        "nothing to do; if it comes again and again, find who else calls from this address",
    ),
    "slots_far_ahead": (
        "There is no slot for {bucket} within {ahead}.",
        "No answer holds calls back for so long: the database's clock has been wrong.",
        "UPDATE call_limit SET next_at = clock_timestamp() WHERE bucket = '{bucket}'",
    ),
    "session_blocked": (
        "Session {pid} ({program}) waits for a lock.",
        "Session {blockers} has it.",
        "the end of that transaction, or SELECT {ending}",
    ),
    "session_idle": (
        "Session {pid} ({program}) has left a transaction lying.",
        "It may keep rows that others need, of: {tables}.",
        "its commit, or SELECT {ending}",
    ),
    "session_in_the_way": (
        "Session {pid} ({program}) has a transaction open.",
        "It uses {tables}: a migration that changes one of them waits for its end.",
        "its end, or SELECT {ending}",
    ),
    "redis_away": (
        "Redis does not answer{unset}.",
        "All works without it, slower: the sweepers find each second what is due.",
        "Redis; nothing was lost with it, and nothing has to be put back",
    ),
    "no_certificate": (
        "Without a certificate: {organisations}.",
        "The authorisation server lets nobody in without one.",
        "python -m app organisations set --number … --certificate … --key …",
    ),
    "lane_not_started": (
        "run {next} is the next, and nobody starts it",
        "{nobody}",
        "a worker's sweep; if workers are alive, the end of whatever session keeps the activity's row",
    ),
    "run_without_job": (
        "the run is under way, and no job of it is",
        "The service never leaves a run so: something else has written to the database.",
        "POST /runs/{run}/cancel, then …/retry",
    ),
    "lease_expired": (
        "worker {worker} let its lease run out, and nobody has taken the job{lost}",
        "{nobody}",
        "any worker with a free hand",
    ),
    "due_not_taken": ("it is due, and nobody takes it", "{nobody}", "any worker with a free hand"),
    "far_ahead": (
        "it waits until {until}",
        "Nothing is put off for so long: the database's clock has been wrong.",
        "UPDATE job SET fence = claim, lease_until = NULL, due_at = clock_timestamp() WHERE id = '{job}'",
    ),
    "waits_for_circuit": (
        "it waits for Skolverket to come back; it looks again {next}",
        "See circuit_open.",
        "the probe that is answered wakes all jobs at once; what has not left by {gone} ends in error (FAULT_HORIZON)",
    ),
    "waits_for_token": (
        "nothing but faults for want of a token, the last: {fault}; {attempts}; it tries again {next}",
        "See token_failing.",
        "the next token wakes nobody, but all try again within five minutes; what has not left by {gone} ends in error",
    ),
    "faults": (
        "nothing but faults, the last: {fault}; {attempts}; it tries again {next}",
        "GET /jobs/{job} says what the code means, and …/batches has Skolverket's own words.",
        "what the code says; what has not left by {gone} ends in error (FAULT_HORIZON)",
    ),
    "lease_of_silent": (
        "worker {worker} holds it and says nothing; its lease ends {until}{lost}",
        "It was killed or stopped, or does not reach Postgres.",
        "the lease's end: then another worker takes the job",
    ),
    "workers_lost": (
        "worker {worker} works at it; its lease ends {until}{lost}",
        "Workers that held it died or were stopped: this job may be what kills them.",
        "a worker that survives it; after {most} it fails with worker_lost",
    ),
    "answer_slow": (
        "{batches} without an answer from Skolverket, asked for up to {polls}; the next look is {next}",
        "Skolverket has taken them and is not done.",
        "Skolverket's answer; its support, if it stays so",
    ),
    "starts": ("run {next} starts with the next sweep", "", ""),
    "held": ("worker {worker} works at it; its lease ends {until}", "", ""),
    "waits_for_answer": ("{batches} without an answer from Skolverket; the next look is {next}", "", ""),
    "goes_on": ("it goes on {next}", "", ""),
}
