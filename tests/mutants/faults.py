"""All faults that are planted, one at a time."""

from collections.abc import Sequence
from typing import Final

from tests.mutants.fault import Fault
from tests.mutants.faults_of_access import ACCESS
from tests.mutants.faults_of_audit import AUDIT
from tests.mutants.faults_of_batches import BATCHES
from tests.mutants.faults_of_callers import CALLERS
from tests.mutants.faults_of_erasure import ERASURE
from tests.mutants.faults_of_headers import HEADERS
from tests.mutants.faults_of_keys import KEYS
from tests.mutants.faults_of_limits import LIMITS
from tests.mutants.faults_of_policies import POLICIES
from tests.mutants.faults_of_protection import PROTECTION
from tests.mutants.faults_of_reads import READS
from tests.mutants.faults_of_retention import RETENTION
from tests.mutants.faults_of_rosters import ROSTERS
from tests.mutants.faults_of_running import RUNNING
from tests.mutants.faults_of_sign_in import SIGN_IN
from tests.mutants.faults_of_store import SCHEMA, STORE
from tests.mutants.faults_of_the_privacy_report import PRIVACY_REPORT
from tests.mutants.faults_of_webhooks import WEBHOOKS
from tests.mutants.faults_of_workers import DECISIONS, WORKERS

FAULTS: Final[Sequence[Fault]] = (
    *(*SCHEMA, *STORE, *BATCHES, *DECISIONS, *WORKERS, *READS, *ROSTERS),
    *(
        *WEBHOOKS,
        *CALLERS,
        *ACCESS,
        *POLICIES,
        *PROTECTION,
        *LIMITS,
        *RUNNING,
        *KEYS,
        *SIGN_IN,
        *ERASURE,
        *RETENTION,
        *PRIVACY_REPORT,
        *HEADERS,
        *AUDIT,
    ),
)
