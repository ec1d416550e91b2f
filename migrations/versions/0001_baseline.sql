-- The tables, as app/db/schema described them when the migrations began.

CREATE TABLE answer_time (
    kind TEXT NOT NULL,
    usual INTERVAL NOT NULL,
    CONSTRAINT pk_answer_time PRIMARY KEY (kind),
    CONSTRAINT ck_answer_time_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities'))
);

CREATE TABLE circuit (
    egress TEXT NOT NULL,
    service TEXT NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    failing_since TIMESTAMP WITH TIME ZONE,
    code TEXT,
    opened_at TIMESTAMP WITH TIME ZONE,
    probe_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_circuit PRIMARY KEY (egress, service),
    CONSTRAINT ck_circuit_service CHECK (service IN ('provisioning', 'authorisation')),
    CONSTRAINT ck_circuit_failing_since CHECK ((failures = 0) = (failing_since IS NULL)),
    CONSTRAINT ck_circuit_probed_while_open CHECK ((opened_at IS NULL) = (probe_at IS NULL))
);

CREATE TABLE egress (
    name TEXT NOT NULL,
    calls_paused_until TIMESTAMP WITH TIME ZONE,
    reads_paused_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_egress PRIMARY KEY (name)
);

CREATE TABLE eppn (
    organisation_id UUID NOT NULL,
    eppn BYTEA NOT NULL,
    object_id UUID NOT NULL,
    CONSTRAINT pk_eppn PRIMARY KEY (organisation_id, eppn)
);

CREATE INDEX ix_eppn_object ON eppn (object_id);

CREATE TABLE event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id UUID NOT NULL,
    run_id UUID NOT NULL,
    job_id UUID,
    from_status TEXT,
    to_status TEXT NOT NULL,
    claim BIGINT,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (id)
);

CREATE INDEX ix_event_organisation_id_run_id_id ON event (organisation_id, run_id, id);

CREATE TABLE finding (
    organisation_id UUID NOT NULL,
    roster_id UUID NOT NULL,
    kind TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    origin TEXT NOT NULL,
    number INTEGER NOT NULL,
    object_id UUID,
    code TEXT NOT NULL,
    severity TEXT NOT NULL,
    pointer TEXT NOT NULL,
    ids UUID[],
    cause TEXT,
    count INTEGER,
    CONSTRAINT pk_finding PRIMARY KEY (roster_id, kind, ordinal, origin, number),
    CONSTRAINT ck_finding_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities')),
    CONSTRAINT ck_finding_origin CHECK (origin IN ('object', 'across', 'open_data', 'rosters')),
    CONSTRAINT ck_finding_severity CHECK (severity IN ('error', 'warning')),
    CONSTRAINT ck_finding_of_one_object_or_counted CHECK ((object_id IS NULL) = (count IS NOT NULL))
);

CREATE INDEX ix_finding_code ON finding (code, roster_id, kind, ordinal);

CREATE TABLE object (
    organisation_id UUID NOT NULL,
    kind TEXT NOT NULL,
    id UUID NOT NULL,
    accepted BYTEA NOT NULL,
    accepted_upload BIGINT NOT NULL,
    accepted_job_id UUID NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    marking SMALLINT DEFAULT '0' NOT NULL,
    eppn BYTEA,
    civic_no BYTEA,
    name BYTEA,
    landed_at TIMESTAMP WITH TIME ZONE,
    gone_at TIMESTAMP WITH TIME ZONE,
    ours BOOLEAN,
    CONSTRAINT pk_object PRIMARY KEY (organisation_id, kind, id),
    CONSTRAINT ck_object_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities'))
)
 WITH (fillfactor = 50);

CREATE TABLE organisation (
    id UUID NOT NULL,
    number TEXT NOT NULL,
    name TEXT NOT NULL,
    salt BYTEA NOT NULL,
    digest_key BYTEA,
    last_upload BIGINT DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    erased_at TIMESTAMP WITH TIME ZONE,
    certificate_file TEXT,
    key_file TEXT,
    entity_id TEXT,
    eppn_domains TEXT[] DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_organisation PRIMARY KEY (id),
    CONSTRAINT ck_organisation_number CHECK (number ~ '^[0-9]{10}$'),
    CONSTRAINT ck_organisation_salt CHECK (octet_length(salt) = 32),
    CONSTRAINT ck_organisation_erased_without_its_keys CHECK ((erased_at IS NULL) = (digest_key IS NOT NULL)),
    CONSTRAINT ck_organisation_erased_is_disabled CHECK (erased_at IS NULL OR disabled_at IS NOT NULL),
    CONSTRAINT ck_organisation_certificate_with_key CHECK ((certificate_file IS NULL) = (key_file IS NULL) AND (entity_id IS NULL OR certificate_file IS NOT NULL)),
    CONSTRAINT uq_organisation_number UNIQUE (number)
);

CREATE TABLE plan_item (
    organisation_id UUID NOT NULL,
    plan_id UUID NOT NULL,
    kind TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    object_id UUID NOT NULL,
    person_id UUID,
    decision TEXT NOT NULL,
    source BYTEA,
    outgoing BYTEA,
    accepted BYTEA,
    protected BOOLEAN NOT NULL,
    likely_refused BOOLEAN NOT NULL,
    marks TEXT[] NOT NULL,
    open_marks TEXT[] NOT NULL,
    plain_marks TEXT[] NOT NULL,
    codes TEXT[] NOT NULL,
    issues JSONB,
    CONSTRAINT pk_plan_item PRIMARY KEY (plan_id, kind, ordinal),
    CONSTRAINT ck_plan_item_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities')),
    CONSTRAINT ck_plan_item_decision CHECK (decision IN ('send', 'kept_here', 'blocked', 'skipped', 'unchanged', 'not_reached', 'left'))
);

CREATE INDEX ix_plan_item_object ON plan_item (object_id);

CREATE TABLE protected_object (
    organisation_id UUID NOT NULL,
    object_id UUID NOT NULL,
    kind TEXT NOT NULL,
    marked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_protected_object PRIMARY KEY (organisation_id, object_id, kind),
    CONSTRAINT ck_protected_object_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities'))
);

CREATE TABLE reference_item (
    kind TEXT NOT NULL,
    id UUID NOT NULL,
    code TEXT NOT NULL,
    payload JSONB NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_reference_item PRIMARY KEY (kind, id),
    CONSTRAINT ck_reference_item_kind CHECK (kind IN ('organisation', 'school_unit', 'programme', 'exam'))
);

CREATE INDEX ix_reference_item_kind_code ON reference_item (kind, code);

CREATE TABLE roster_item (
    organisation_id UUID NOT NULL,
    roster_id UUID NOT NULL,
    kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    ordinal INTEGER NOT NULL,
    source BYTEA NOT NULL,
    outgoing BYTEA,
    upload BIGINT NOT NULL,
    refs UUID[] NOT NULL,
    role TEXT,
    school_year SMALLINT,
    school_unit UUID,
    more_units UUID[],
    protected BOOLEAN NOT NULL,
    marking SMALLINT DEFAULT '0' NOT NULL,
    sendable BOOLEAN NOT NULL,
    issues JSONB,
    CONSTRAINT pk_roster_item PRIMARY KEY (roster_id, kind, object_id),
    CONSTRAINT ck_roster_item_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities'))
);

CREATE INDEX ix_roster_item_object ON roster_item (object_id);

CREATE INDEX ix_roster_item_order ON roster_item (roster_id, kind, ordinal);

CREATE INDEX ix_roster_item_protected ON roster_item (object_id) WHERE protected;

CREATE UNLOGGED TABLE roster_staging (
    organisation_id UUID NOT NULL,
    roster_id UUID NOT NULL,
    staged_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    ordinal INTEGER NOT NULL,
    source BYTEA NOT NULL,
    source_sealed BYTEA NOT NULL,
    outgoing BYTEA,
    outgoing_sealed BYTEA,
    words INTEGER[] NOT NULL,
    refs UUID[] NOT NULL,
    role TEXT,
    school_year SMALLINT,
    school_unit UUID,
    more_units UUID[],
    protected BOOLEAN NOT NULL,
    marking SMALLINT DEFAULT '0' NOT NULL,
    eppn BYTEA,
    civic_no BYTEA,
    name BYTEA,
    sendable BOOLEAN NOT NULL,
    issues JSONB,
    findings JSONB
);

CREATE INDEX ix_roster_staging_roster_id ON roster_staging (roster_id);

CREATE TABLE worker (
    id UUID NOT NULL,
    version TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    in_progress INTEGER DEFAULT '0' NOT NULL,
    claims BIGINT DEFAULT '0' NOT NULL,
    reaped BIGINT DEFAULT '0' NOT NULL,
    lost BIGINT DEFAULT '0' NOT NULL,
    wake_ups BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_worker PRIMARY KEY (id)
);

CREATE TABLE access_token (
    organisation_id UUID NOT NULL,
    environment TEXT NOT NULL,
    token BYTEA,
    expires_at TIMESTAMP WITH TIME ZONE,
    failed_at TIMESTAMP WITH TIME ZONE,
    failure TEXT,
    CONSTRAINT pk_access_token PRIMARY KEY (organisation_id, environment),
    CONSTRAINT ck_access_token_token_has_its_end CHECK ((token IS NULL) = (expires_at IS NULL)),
    CONSTRAINT fk_access_token_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE api_key (
    id UUID NOT NULL,
    organisation_id UUID,
    name TEXT NOT NULL,
    handle TEXT NOT NULL,
    digest BYTEA,
    scopes TEXT[] NOT NULL,
    school_units UUID[],
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    issuer TEXT,
    subject BYTEA,
    granted_by UUID[],
    CONSTRAINT pk_api_key PRIMARY KEY (id),
    CONSTRAINT ck_api_key_scopes CHECK (
CASE WHEN organisation_id IS NULL THEN scopes = ARRAY['operator']
    ELSE scopes <> '{}' AND scopes <@ ARRAY['provision', 'history', 'pii', 'protected', 'admin', 'audit']
    AND ('pii' <> ALL (scopes) OR 'history' = ANY (scopes)) AND ('protected' <> ALL (scopes) OR 'pii' = ANY (scopes)) END
),
    CONSTRAINT ck_api_key_narrowed CHECK (
school_units IS NULL OR school_units <> '{}' AND array_position(school_units, NULL) IS NULL
    AND 'pii' = ANY (scopes) AND scopes <@ ARRAY['history', 'pii', 'protected']
),
    CONSTRAINT ck_api_key_subject CHECK (CASE WHEN subject IS NULL THEN digest IS NOT NULL AND num_nonnulls(issuer, granted_by) = 0 ELSE digest IS NULL AND num_nulls(issuer, granted_by, organisation_id, expires_at) = 0 AND octet_length(subject) = 16 AND starts_with(handle, 'oi_') END),
    CONSTRAINT uq_api_key_organisation_id_subject UNIQUE (organisation_id, subject),
    CONSTRAINT fk_api_key_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT uq_api_key_handle UNIQUE (handle)
);

CREATE INDEX ix_api_key_organisation_id ON api_key (organisation_id);

CREATE TABLE sign_in_mapping (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    issuer TEXT NOT NULL,
    claim TEXT NOT NULL,
    value TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    school_units UUID[],
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_sign_in_mapping PRIMARY KEY (id),
    CONSTRAINT ck_sign_in_mapping_scopes CHECK (
CASE WHEN organisation_id IS NULL THEN scopes = ARRAY['operator']
    ELSE scopes <> '{}' AND scopes <@ ARRAY['provision', 'history', 'pii', 'protected', 'admin', 'audit']
    AND ('pii' <> ALL (scopes) OR 'history' = ANY (scopes)) AND ('protected' <> ALL (scopes) OR 'pii' = ANY (scopes)) END
),
    CONSTRAINT ck_sign_in_mapping_narrowed CHECK (
school_units IS NULL OR school_units <> '{}' AND array_position(school_units, NULL) IS NULL
    AND 'pii' = ANY (scopes) AND scopes <@ ARRAY['history', 'pii', 'protected']
),
    CONSTRAINT uq_sign_in_mapping_issuer_claim_value UNIQUE (issuer, claim, value),
    CONSTRAINT fk_sign_in_mapping_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_sign_in_mapping_organisation_id ON sign_in_mapping (organisation_id);

CREATE TABLE content (
    organisation_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    sealed BYTEA NOT NULL,
    words INTEGER[],
    marking SMALLINT,
    eppn BYTEA,
    civic_no BYTEA,
    name BYTEA,
    CONSTRAINT pk_content PRIMARY KEY (organisation_id, digest),
    CONSTRAINT ck_content_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities', 'batch')),
    CONSTRAINT ck_content_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT fk_content_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_content_object ON content (object_id);

CREATE INDEX ix_content_words ON content USING gin (words);

CREATE INDEX ix_content_key ON content (substr(sealed, 2, get_byte(substr(sealed, 1, 1) || '\x00'::bytea, 0) & 63), organisation_id);

CREATE TABLE epoch (
    id UUID NOT NULL,
    egress TEXT NOT NULL,
    number BIGINT NOT NULL,
    worker UUID NOT NULL,
    state TEXT DEFAULT 'holds' NOT NULL,
    beat BIGINT DEFAULT '0' NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_epoch PRIMARY KEY (id),
    CONSTRAINT uq_epoch_egress_number UNIQUE (egress, number),
    CONSTRAINT ck_epoch_state CHECK (state IN ('holds', 'leaves', 'ended')),
    CONSTRAINT ck_epoch_ended_has_its_time CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CONSTRAINT fk_epoch_egress FOREIGN KEY(egress) REFERENCES egress (name)
);

CREATE INDEX ix_epoch_going_on ON epoch (egress) WHERE state <> 'ended';

CREATE UNIQUE INDEX uq_epoch_holds ON epoch (egress) WHERE state = 'holds';

CREATE TABLE erasure (
    organisation_id UUID NOT NULL,
    kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    logged_at TIMESTAMP WITH TIME ZONE,
    erased_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_erasure PRIMARY KEY (organisation_id, kind, object_id),
    CONSTRAINT ck_erasure_kind CHECK (kind IN ('persons', 'organisation')),
    CONSTRAINT ck_erasure_logged_before_it_counts CHECK (erased_at IS NULL OR logged_at IS NOT NULL),
    CONSTRAINT fk_erasure_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_erasure_open ON erasure (requested_at) WHERE erased_at IS NULL;

CREATE TABLE roster (
    organisation_id UUID NOT NULL,
    id UUID NOT NULL,
    activity_id UUID NOT NULL,
    version INTEGER NOT NULL,
    upload BIGINT NOT NULL,
    stored_by_id UUID,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_roster PRIMARY KEY (organisation_id, id),
    CONSTRAINT uq_roster_organisation_id_upload UNIQUE (organisation_id, upload),
    CONSTRAINT uq_roster_organisation_id_activity_id_version UNIQUE (organisation_id, activity_id, version),
    CONSTRAINT fk_roster_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT fk_roster_stored_by_id FOREIGN KEY(stored_by_id) REFERENCES api_key (id)
);

CREATE INDEX ix_roster_created ON roster (created_at, id);

CREATE TABLE last_listed (
    organisation_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_last_listed PRIMARY KEY (organisation_id, digest),
    CONSTRAINT fk_last_listed_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_last_listed_at ON last_listed (at);

CREATE TABLE webhook (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    url TEXT NOT NULL,
    types TEXT[] NOT NULL,
    description_sealed BYTEA,
    enabled BOOLEAN DEFAULT 'true' NOT NULL,
    gone_at TIMESTAMP WITH TIME ZONE,
    secret BYTEA NOT NULL,
    secret_before BYTEA,
    secret_before_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_webhook PRIMARY KEY (id),
    CONSTRAINT ck_webhook_types CHECK (types <@ ARRAY['run.succeeded', 'run.failed', 'run.cancelled', 'job.failed'] AND cardinality(types) > 0),
    CONSTRAINT ck_webhook_gone_is_disabled CHECK (gone_at IS NULL OR NOT enabled),
    CONSTRAINT ck_webhook_secret_before_has_its_end CHECK ((secret_before IS NULL) = (secret_before_until IS NULL)),
    CONSTRAINT fk_webhook_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_webhook_organisation ON webhook (organisation_id, created_at, id);

CREATE TABLE activity (
    organisation_id UUID NOT NULL,
    id UUID NOT NULL,
    display_name_sealed BYTEA,
    roster_id UUID NOT NULL,
    version INTEGER DEFAULT '1' NOT NULL,
    shown_version INTEGER DEFAULT '1' NOT NULL,
    counts JSONB NOT NULL,
    bytes BIGINT DEFAULT '0' NOT NULL,
    digest BYTEA,
    findings_errors INTEGER DEFAULT '0' NOT NULL,
    findings_warnings INTEGER DEFAULT '0' NOT NULL,
    findings_by_code JSONB DEFAULT '{}' NOT NULL,
    last_sequence INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_activity PRIMARY KEY (organisation_id, id),
    CONSTRAINT fk_activity_organisation_id_roster_id FOREIGN KEY(organisation_id, roster_id) REFERENCES roster (organisation_id, id),
    CONSTRAINT ck_activity_named_while_it_is_there CHECK ((display_name_sealed IS NULL) = (deleted_at IS NOT NULL)),
    CONSTRAINT fk_activity_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_activity_key ON activity (substr(display_name_sealed, 2, get_byte(substr(display_name_sealed, 1, 1) || '\x00'::bytea, 0) & 63), organisation_id);

CREATE INDEX ix_activity_roster ON activity (roster_id);

CREATE INDEX ix_activity_newest ON activity (organisation_id, created_at, id);

CREATE TABLE api_key_use (
    key_id UUID NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_api_key_use PRIMARY KEY (key_id),
    CONSTRAINT fk_api_key_use_key_id FOREIGN KEY(key_id) REFERENCES api_key (id) ON DELETE CASCADE
);

CREATE TABLE idempotency_key (
    organisation_id UUID NOT NULL,
    api_key_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    request_digest BYTEA NOT NULL,
    run_id UUID NOT NULL,
    body_sealed BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (api_key_id, digest),
    CONSTRAINT ck_idempotency_key_digests CHECK (octet_length(digest) = 32 AND octet_length(request_digest) = 32),
    CONSTRAINT fk_idempotency_key_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT fk_idempotency_key_api_key_id FOREIGN KEY(api_key_id) REFERENCES api_key (id)
);

CREATE INDEX ix_idempotency_key_created_at ON idempotency_key (created_at);

CREATE TABLE plan (
    organisation_id UUID NOT NULL,
    id UUID NOT NULL,
    activity_id UUID NOT NULL,
    roster_version INTEGER NOT NULL,
    on_record_error TEXT NOT NULL,
    allow TEXT[] NOT NULL,
    shrinks BOOLEAN NOT NULL,
    requested_by_id UUID NOT NULL,
    requested_by_name TEXT NOT NULL,
    stages JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_plan PRIMARY KEY (organisation_id, id),
    CONSTRAINT ck_plan_on_record_error CHECK (on_record_error IN ('halt', 'continue')),
    CONSTRAINT ck_plan_allow CHECK (allow <@ ARRAY['shrinks', 'weaker_marking', 'reused_id']),
    CONSTRAINT fk_plan_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT fk_plan_requested_by_id FOREIGN KEY(requested_by_id) REFERENCES api_key (id)
);

CREATE INDEX ix_plan_activity ON plan (organisation_id, activity_id, created_at, id);

CREATE INDEX ix_plan_created ON plan (created_at);

CREATE TABLE session (
    digest BYTEA NOT NULL,
    organisation_id UUID,
    api_key_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_session PRIMARY KEY (digest),
    CONSTRAINT ck_session_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT fk_session_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT fk_session_api_key_id FOREIGN KEY(api_key_id) REFERENCES api_key (id) ON DELETE CASCADE
);

CREATE INDEX ix_session_api_key_id ON session (api_key_id);

CREATE INDEX ix_session_seen_at ON session (seen_at);

CREATE TABLE webhook_delivery (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    organisation_id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    type TEXT NOT NULL,
    data JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp(),
    claim BIGINT DEFAULT '0' NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    tried_at TIMESTAMP WITH TIME ZONE,
    http_status SMALLINT,
    failure TEXT,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
    CONSTRAINT ck_webhook_delivery_status CHECK (status IN ('pending', 'delivered', 'failed')),
    CONSTRAINT ck_webhook_delivery_pending_is_due CHECK ((status = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT ck_webhook_delivery_finished_has_its_time CHECK ((status = 'pending') = (finished_at IS NULL)),
    CONSTRAINT ck_webhook_delivery_leased_while_pending CHECK (leased_until IS NULL OR status = 'pending'),
    CONSTRAINT fk_webhook_delivery_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhook (id) ON DELETE CASCADE
);

CREATE INDEX ix_webhook_delivery_created ON webhook_delivery (created_at);

CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (webhook_id, due_at) WHERE status = 'pending';

CREATE INDEX ix_webhook_delivery_newest ON webhook_delivery (webhook_id, created_at, id);

CREATE TABLE pause (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    organisation_id UUID NOT NULL,
    activity_id UUID,
    by TEXT NOT NULL,
    made_by TEXT NOT NULL,
    reason TEXT,
    reason_sealed BYTEA,
    since TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    ended_by TEXT,
    CONSTRAINT pk_pause PRIMARY KEY (id),
    CONSTRAINT fk_pause_organisation_id_activity_id FOREIGN KEY(organisation_id, activity_id) REFERENCES activity (organisation_id, id),
    CONSTRAINT ck_pause_by CHECK (by IN ('operator', 'organisation')),
    CONSTRAINT ck_pause_reason CHECK (char_length(reason) BETWEEN 1 AND 200),
    CONSTRAINT ck_pause_reason_of_an_operator CHECK ((reason IS NOT NULL) = (by = 'operator')),
    CONSTRAINT ck_pause_reason_of_an_organisation CHECK (reason_sealed IS NULL OR by = 'organisation'),
    CONSTRAINT ck_pause_ended_by_somebody CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CONSTRAINT fk_pause_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX ix_pause_ended ON pause (ended_at, id) WHERE ended_at IS NOT NULL;

CREATE UNIQUE INDEX uq_pause_in_force ON pause (organisation_id, activity_id, by) NULLS NOT DISTINCT WHERE ended_at IS NULL;

CREATE TABLE run (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    activity_id UUID NOT NULL,
    sequence INTEGER NOT NULL,
    status TEXT DEFAULT 'queued' NOT NULL,
    version BIGINT DEFAULT '1' NOT NULL,
    changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
    on_record_error TEXT NOT NULL,
    allow TEXT[] DEFAULT '{}' NOT NULL,
    requested_by_id UUID NOT NULL,
    requested_by_name TEXT NOT NULL,
    roster_version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    cancel_requested_at TIMESTAMP WITH TIME ZONE,
    pause_id UUID,
    outcome TEXT,
    content_expired_at TIMESTAMP WITH TIME ZONE,
    expiring_position SMALLINT,
    expiring_from UUID,
    CONSTRAINT pk_run PRIMARY KEY (id),
    CONSTRAINT fk_run_organisation_id_activity_id FOREIGN KEY(organisation_id, activity_id) REFERENCES activity (organisation_id, id),
    CONSTRAINT uq_run_organisation_id_activity_id_sequence UNIQUE (organisation_id, activity_id, sequence),
    CONSTRAINT uq_run_id_status UNIQUE (id, status),
    CONSTRAINT ck_run_status CHECK (status IN ('queued', 'running', 'held', 'succeeded', 'failed', 'cancelled')),
    CONSTRAINT ck_run_on_record_error CHECK (on_record_error IN ('halt', 'continue')),
    CONSTRAINT ck_run_allow CHECK (allow <@ ARRAY['shrinks', 'weaker_marking', 'reused_id']),
    CONSTRAINT ck_run_finished_has_its_time CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_run_started CHECK (status NOT IN ('running', 'held', 'succeeded', 'failed') OR started_at IS NOT NULL),
    CONSTRAINT ck_run_held_by_a_pause CHECK (status <> 'held' OR pause_id IS NOT NULL),
    CONSTRAINT ck_run_paused_while_under_way CHECK (pause_id IS NULL OR status IN ('running', 'held')),
    CONSTRAINT ck_run_outcome CHECK (outcome IN ('clean', 'with_warnings', 'with_errors', 'nothing_accepted')),
    CONSTRAINT ck_run_finished_has_its_outcome CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT ck_run_expired_when_finished CHECK (content_expired_at IS NULL OR finished_at IS NOT NULL),
    CONSTRAINT fk_run_requested_by_id FOREIGN KEY(requested_by_id) REFERENCES api_key (id),
    CONSTRAINT fk_run_pause_id FOREIGN KEY(pause_id) REFERENCES pause (id)
);

CREATE INDEX ix_run_changed ON run (organisation_id, changed_in, id);

CREATE INDEX ix_run_finished ON run (finished_at, id) WHERE finished_at IS NOT NULL;

CREATE INDEX ix_run_history ON run (organisation_id, created_at, id);

CREATE INDEX ix_run_history_activity ON run (organisation_id, activity_id, created_at, id);

CREATE INDEX ix_run_history_state ON run (organisation_id, status, (greatest(outcome, '')), created_at, id);

CREATE INDEX ix_run_made_by ON run (organisation_id, requested_by_id, created_at, id);

CREATE INDEX ix_run_paused ON run (pause_id) WHERE pause_id IS NOT NULL;

CREATE INDEX ix_run_unexpired ON run (finished_at, id) WHERE finished_at IS NOT NULL AND content_expired_at IS NULL;

CREATE INDEX ix_run_queued ON run (organisation_id, activity_id, sequence) WHERE status = 'queued';

CREATE UNIQUE INDEX uq_run_one_under_way ON run (organisation_id, activity_id) WHERE status IN ('running', 'held');

CREATE TABLE job (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    activity_id UUID NOT NULL,
    run_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    kind TEXT NOT NULL,
    action TEXT DEFAULT 'send' NOT NULL,
    status TEXT DEFAULT 'waiting' NOT NULL,
    version BIGINT DEFAULT '1' NOT NULL,
    changed_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    claim BIGINT DEFAULT '0' NOT NULL,
    fence BIGINT,
    changes BIGINT DEFAULT '0' NOT NULL,
    holder UUID,
    attempt INTEGER DEFAULT '0' NOT NULL,
    worker_deaths INTEGER DEFAULT '0' NOT NULL,
    sole_deaths INTEGER DEFAULT '0' NOT NULL,
    suspect_since TIMESTAMP WITH TIME ZONE,
    accused_by UUID,
    accused_alone BOOLEAN DEFAULT 'false' NOT NULL,
    rests INTEGER DEFAULT '0' NOT NULL,
    internal_rests INTEGER DEFAULT '0' NOT NULL,
    rest_code TEXT,
    tried_for INTERVAL DEFAULT '0' NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE,
    planned_wait INTERVAL,
    last_accepted_at TIMESTAMP WITH TIME ZONE,
    rested INTERVAL DEFAULT '0' NOT NULL,
    wake_up BIGINT DEFAULT '0' NOT NULL,
    notified_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    error JSONB,
    total INTEGER DEFAULT '0' NOT NULL,
    pending INTEGER DEFAULT '0' NOT NULL,
    sent INTEGER DEFAULT '0' NOT NULL,
    unchanged INTEGER DEFAULT '0' NOT NULL,
    succeeded INTEGER DEFAULT '0' NOT NULL,
    warnings INTEGER DEFAULT '0' NOT NULL,
    errors INTEGER DEFAULT '0' NOT NULL,
    skipped INTEGER DEFAULT '0' NOT NULL,
    stop_at_errors INTEGER,
    outcome TEXT GENERATED ALWAYS AS (
CASE WHEN status NOT IN ('succeeded', 'failed', 'blocked', 'cancelled') THEN NULL
    WHEN total = succeeded + unchanged THEN 'clean'
    WHEN succeeded + warnings + unchanged = 0 THEN 'nothing_accepted'
    WHEN errors + skipped + pending > 0 THEN 'with_errors'
    ELSE 'with_warnings' END
) STORED,
    gate_run TEXT GENERATED ALWAYS AS (CASE WHEN status IN ('queued', 'running') THEN 'running' WHEN status = 'held' THEN 'held' END) STORED,
    gate_position SMALLINT GENERATED ALWAYS AS (CASE WHEN status IN ('queued', 'running', 'held', 'succeeded', 'failed') AND position > 1 THEN position - 1 END) STORED,
    gate_status TEXT GENERATED ALWAYS AS (CASE WHEN status IN ('queued', 'running', 'held', 'succeeded', 'failed') AND position > 1 THEN 'succeeded' END) STORED,
    CONSTRAINT pk_job PRIMARY KEY (id),
    CONSTRAINT uq_job_run_id_position UNIQUE (run_id, position),
    CONSTRAINT uq_job_run_id_position_status UNIQUE (run_id, position, status),
    CONSTRAINT fk_job_live_in_running_run FOREIGN KEY(run_id, gate_run) REFERENCES run (id, status),
    CONSTRAINT fk_job_after_succeeded FOREIGN KEY(run_id, gate_position, gate_status) REFERENCES job (run_id, position, status),
    CONSTRAINT ck_job_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities')),
    CONSTRAINT ck_job_status CHECK (status IN ('waiting', 'queued', 'running', 'held', 'succeeded', 'failed', 'blocked', 'cancelled')),
    CONSTRAINT ck_job_action CHECK (action IN ('send', 'remove')),
    CONSTRAINT ck_job_position CHECK (position >= 1),
    CONSTRAINT ck_job_stop_at_errors CHECK (stop_at_errors >= 1),
    CONSTRAINT ck_job_all_records_are_counted CHECK (pending + sent + unchanged + succeeded + warnings + errors + skipped = total),
    CONSTRAINT ck_job_finished_has_its_time CHECK ((status IN ('succeeded', 'failed', 'blocked', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT ck_job_live_is_due CHECK ((status IN ('queued', 'running')) = (due_at IS NOT NULL)),
    CONSTRAINT ck_job_held_only_while_running CHECK (holder IS NULL OR status = 'running'),
    CONSTRAINT fk_job_run_id FOREIGN KEY(run_id) REFERENCES run (id),
    CONSTRAINT fk_job_holder FOREIGN KEY(holder) REFERENCES epoch (id)
);

CREATE INDEX ix_job_accused ON job (accused_by) WHERE accused_by IS NOT NULL;

CREATE INDEX ix_job_changed ON job (organisation_id, changed_in, id);

CREATE INDEX ix_job_due ON job (organisation_id, due_at, id) WHERE status IN ('queued', 'running') AND holder IS NULL;

CREATE INDEX ix_job_held ON job (holder, id) WHERE holder IS NOT NULL;

CREATE INDEX ix_job_history ON job (organisation_id, created_at, run_id, (-position));

CREATE INDEX ix_job_history_activity ON job (organisation_id, activity_id, created_at, run_id, (-position));

CREATE INDEX ix_job_history_state ON job (organisation_id, status, (greatest(outcome, '')), kind, created_at, run_id, (-position));

CREATE INDEX ix_job_on_trial ON job (due_at) WHERE status IN ('queued', 'running') AND sole_deaths >= 2;

CREATE INDEX ix_job_paused ON job (id) WHERE status = 'held';

CREATE INDEX ix_job_running ON job (organisation_id, kind) WHERE status = 'running';

CREATE INDEX ix_job_suspect ON job (holder) WHERE holder IS NOT NULL AND worker_deaths >= 2;

CREATE TABLE batch (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    job_id UUID NOT NULL,
    number INTEGER NOT NULL,
    status TEXT DEFAULT 'written' NOT NULL,
    fence BIGINT,
    record_ids UUID[] NOT NULL,
    items BYTEA[] NOT NULL,
    request_digest BYTEA NOT NULL,
    request_bytes INTEGER NOT NULL,
    request_sha256 BYTEA,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    called_at TIMESTAMP WITH TIME ZONE,
    answered_at TIMESTAMP WITH TIME ZONE,
    http_status SMALLINT,
    remote_job_id TEXT,
    polls INTEGER DEFAULT '0' NOT NULL,
    next_poll_at TIMESTAMP WITH TIME ZONE,
    tried_for INTERVAL,
    failed_at TIMESTAMP WITH TIME ZONE,
    planned_wait INTERVAL,
    finished_at TIMESTAMP WITH TIME ZONE,
    answer BYTEA,
    error TEXT,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT uq_batch_organisation_id_job_id_number UNIQUE (organisation_id, job_id, number),
    CONSTRAINT ck_batch_status CHECK (status IN ('written', 'called', 'accepted', 'answered', 'refused', 'lost')),
    CONSTRAINT ck_batch_size CHECK (request_bytes BETWEEN 1 AND 200000),
    CONSTRAINT ck_batch_digest CHECK (octet_length(request_digest) = 32),
    CONSTRAINT ck_batch_sha256 CHECK (request_sha256 IS NOT NULL OR finished_at IS NOT NULL),
    CONSTRAINT ck_batch_an_item_a_record CHECK (cardinality(items) = cardinality(record_ids)),
    CONSTRAINT ck_batch_called_has_its_time CHECK ((status = 'written') = (called_at IS NULL)),
    CONSTRAINT ck_batch_accepted CHECK (status NOT IN ('accepted', 'answered') OR remote_job_id IS NOT NULL),
    CONSTRAINT ck_batch_accepted_is_polled CHECK ((status = 'accepted') = (next_poll_at IS NOT NULL)),
    CONSTRAINT ck_batch_finished_has_its_time CHECK ((status IN ('answered', 'refused', 'lost')) = (finished_at IS NOT NULL)),
    CONSTRAINT fk_batch_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX ix_batch_job ON batch (job_id);

CREATE INDEX ix_batch_open ON batch (job_id) WHERE status IN ('written', 'called', 'accepted');

CREATE INDEX ix_batch_key ON batch (substr(request_sha256, 2, get_byte(substr(request_sha256, 1, 1) || '\x00'::bytea, 0) & 63), organisation_id);

CREATE TABLE record (
    organisation_id UUID NOT NULL,
    job_id UUID NOT NULL,
    object_id UUID NOT NULL,
    run_id UUID NOT NULL,
    kind TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    fence BIGINT,
    source BYTEA NOT NULL,
    outgoing BYTEA,
    sent BYTEA,
    received BYTEA,
    upload BIGINT NOT NULL,
    refs UUID[] NOT NULL,
    role TEXT,
    school_year SMALLINT,
    school_unit UUID,
    more_units UUID[],
    protected BOOLEAN NOT NULL,
    sendable BOOLEAN NOT NULL,
    issues JSONB,
    message_codes JSONB,
    codes JSONB GENERATED ALWAYS AS (
CASE WHEN issues IS NULL THEN message_codes
    ELSE jsonb_path_query_array(issues, '$[0 to 19].code') || coalesce(message_codes, '[]') END
) STORED,
    batch_id UUID,
    attempts INTEGER DEFAULT '0' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    max_together INTEGER,
    tried_for INTERVAL,
    failed_at TIMESTAMP WITH TIME ZONE,
    planned_wait INTERVAL,
    completed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_record PRIMARY KEY (job_id, object_id),
    CONSTRAINT ck_record_kind CHECK (kind IN ('persons', 'duties', 'groups', 'activities')),
    CONSTRAINT ck_record_status CHECK (status IN ('pending', 'sent', 'unchanged', 'succeeded', 'warning', 'error', 'skipped')),
    CONSTRAINT ck_record_final_has_its_time CHECK ((status IN ('unchanged', 'succeeded', 'warning', 'error', 'skipped')) = (completed_at IS NOT NULL)),
    CONSTRAINT ck_record_sent_is_kept CHECK (status NOT IN ('sent', 'succeeded', 'warning') OR sent IS NOT NULL),
    CONSTRAINT ck_record_sendable_has_its_form CHECK (NOT sendable OR outgoing IS NOT NULL),
    CONSTRAINT ck_record_broken_never_leaves CHECK (sendable OR status IN ('pending', 'unchanged', 'error', 'skipped')),
    CONSTRAINT fk_record_job_id FOREIGN KEY(job_id) REFERENCES job (id)
);

CREATE INDEX ix_record_codes ON record (run_id, kind, status, ordinal) INCLUDE (object_id, completed_at, role, school_year, school_unit, codes) WHERE codes IS NOT NULL;

CREATE INDEX ix_record_object ON record (object_id);

CREATE INDEX ix_record_status ON record (run_id, kind, status, ordinal) INCLUDE (object_id, completed_at, role, school_year, school_unit);

CREATE INDEX ix_record_unsendable ON record (job_id) WHERE status = 'pending' AND NOT sendable;

CREATE TABLE task (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    organisation_id UUID,
    due_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    after_job UUID,
    again_at TIMESTAMP WITH TIME ZONE,
    claim BIGINT DEFAULT '0' NOT NULL,
    holder UUID,
    leased_until TIMESTAMP WITH TIME ZONE,
    under_way UUID[],
    attempt INTEGER DEFAULT '0' NOT NULL,
    failed_at TIMESTAMP WITH TIME ZONE,
    failure TEXT,
    done_at TIMESTAMP WITH TIME ZONE,
    accused_by UUID,
    failed_before_at TIMESTAMP WITH TIME ZONE,
    failure_before TEXT,
    result JSONB,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_task PRIMARY KEY (id),
    CONSTRAINT uq_task_kind_key UNIQUE (kind, key),
    CONSTRAINT ck_task_one_lease CHECK (holder IS NULL OR leased_until IS NULL),
    CONSTRAINT ck_task_failure_has_its_time CHECK ((failed_at IS NULL) = (failure IS NULL)),
    CONSTRAINT fk_task_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    CONSTRAINT fk_task_after_job FOREIGN KEY(after_job) REFERENCES job (id),
    CONSTRAINT fk_task_holder FOREIGN KEY(holder) REFERENCES epoch (id)
);

CREATE INDEX ix_task_accused ON task (accused_by) WHERE accused_by IS NOT NULL;

CREATE INDEX ix_task_due ON task (kind, due_at);

CREATE INDEX ix_task_held ON task (holder) WHERE holder IS NOT NULL;

CREATE INDEX ix_task_after ON task (after_job) WHERE after_job IS NOT NULL;

CREATE INDEX ix_task_leased ON task (leased_until) WHERE leased_until IS NOT NULL;

CREATE INDEX ix_task_under_way ON task (organisation_id) WHERE under_way IS NOT NULL;

CREATE TABLE at_target (
    organisation_id UUID NOT NULL,
    job_id UUID NOT NULL,
    object_id UUID NOT NULL,
    held BOOLEAN NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_at_target PRIMARY KEY (job_id, object_id),
    CONSTRAINT fk_at_target_job_id_object_id FOREIGN KEY(job_id, object_id) REFERENCES record (job_id, object_id)
);


CREATE TABLE audit (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    organisation_id UUID,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id UUID,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    via TEXT NOT NULL,
    run_id UUID,
    job_id UUID,
    activity_id UUID,
    details JSONB DEFAULT '{}' NOT NULL,
    objects BYTEA DEFAULT '' NOT NULL,
    protected INTEGER DEFAULT '0' NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id),
    CONSTRAINT ck_audit_actor_kind CHECK (actor_kind IN ('key', 'operator', 'command', 'service', 'unknown')),
    CONSTRAINT ck_audit_via CHECK (via IN ('api', 'page', 'export', 'command', 'service')),
    CONSTRAINT ck_audit_objects CHECK (mod(octet_length(objects), 16) = 0),
    CONSTRAINT ck_audit_protected CHECK (protected >= 0)
);

CREATE INDEX ix_audit_organisation_id_at_id ON audit (organisation_id, at, id);

CREATE TABLE audit_unchained (
    audit_id UUID NOT NULL,
    organisation_id UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_audit_unchained PRIMARY KEY (audit_id)
);

CREATE INDEX ix_audit_unchained_organisation_id ON audit_unchained (organisation_id);

CREATE TABLE audit_link (
    seq BIGINT NOT NULL,
    audit_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT pk_audit_link PRIMARY KEY (seq),
    CONSTRAINT ck_audit_link_seq CHECK (seq > 0),
    CONSTRAINT ck_audit_link_digest CHECK (octet_length(digest) = 32),
    CONSTRAINT uq_audit_link_audit_id UNIQUE (audit_id)
);

CREATE TABLE audit_checkpoint (
    seq BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    cut_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_audit_checkpoint PRIMARY KEY (seq),
    CONSTRAINT ck_audit_checkpoint_digest CHECK (octet_length(digest) = 32)
);

CREATE TABLE audit_object (
    organisation_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    audit_id UUID NOT NULL,
    CONSTRAINT pk_audit_object PRIMARY KEY (organisation_id, digest, at, audit_id)
);

CREATE TABLE audit_key (
    owner UUID NOT NULL,
    salt BYTEA NOT NULL,
    key_sealed BYTEA NOT NULL,
    CONSTRAINT pk_audit_key PRIMARY KEY (owner),
    CONSTRAINT ck_audit_key_one CHECK (owner = '00000000-0000-0000-0000-000000000000'),
    CONSTRAINT ck_audit_key_salt CHECK (octet_length(salt) = 32)
);

CREATE TABLE audit_reading (
    organisation_id UUID NOT NULL,
    key_id UUID NOT NULL,
    day DATE NOT NULL,
    answers BIGINT NOT NULL,
    objects BIGINT NOT NULL,
    protected BIGINT NOT NULL,
    CONSTRAINT pk_audit_reading PRIMARY KEY (organisation_id, key_id, day)
);

CREATE INDEX ix_audit_reading_day ON audit_reading (day);
