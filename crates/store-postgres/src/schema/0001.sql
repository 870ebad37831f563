-- All times are microseconds since 1970, all texts are compared by their bytes, and all keys begin
-- with the tenant.

-- The tenants of whom something was ever kept.
CREATE TABLE tenants (
    id text COLLATE "C" PRIMARY KEY
);

CREATE TABLE workflows (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_at bigint NOT NULL,
    checksum bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (tenant, id, version)
);

-- What never changes of an execution.
CREATE TABLE executions (
    tenant text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    created_at bigint NOT NULL,
    version bigint NOT NULL,
    checksum bigint NOT NULL,
    retry_of uuid,
    part_of uuid,
    workflow text COLLATE "C" NOT NULL,
    started_by text COLLATE "C",
    pinned bytea NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX executions_by_time ON executions (tenant, created_at, id);
CREATE INDEX executions_by_workflow ON executions (tenant, workflow, created_at, id);
CREATE INDEX executions_by_version ON executions (tenant, workflow, version);
CREATE INDEX executions_by_whole ON executions (tenant, part_of, created_at, id)
    WHERE part_of IS NOT NULL;

-- What changes of an execution, kept narrow. Each change counts the revision up: who writes names
-- the one that he has read, and writes nothing if there is another one by then. A step changes
-- nothing that is in an index, so that it stays within its page as long as there is room.
CREATE TABLE courses (
    tenant text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    created_at bigint NOT NULL,
    revision bigint NOT NULL,
    length bigint NOT NULL,
    changed_at bigint NOT NULL,
    signals bigint NOT NULL,
    signal_bytes bigint NOT NULL,
    fence bigint NOT NULL,
    due bigint,
    lease bigint,
    until bigint,
    signal_after bigint,
    ended_at bigint,
    worker uuid,
    state smallint NOT NULL,
    requests smallint NOT NULL,
    status text COLLATE "C",
    reason text COLLATE "C",
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX courses_by_due ON courses (tenant, due, id) WHERE due IS NOT NULL;
CREATE INDEX courses_by_due_of_all ON courses (due) WHERE due IS NOT NULL;
CREATE INDEX courses_by_state ON courses (tenant, state, created_at, id);
CREATE INDEX courses_by_status ON courses (tenant, status, created_at, id)
    WHERE status IS NOT NULL;
CREATE INDEX courses_by_end ON courses (tenant, ended_at, id) WHERE ended_at IS NOT NULL;

CREATE TABLE journal (
    tenant text COLLATE "C" NOT NULL,
    execution uuid NOT NULL,
    sequence bigint NOT NULL,
    checksum bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (tenant, execution, sequence)
);

CREATE TABLE signals (
    tenant text COLLATE "C" NOT NULL,
    execution uuid NOT NULL,
    number bigint NOT NULL,
    sent_at bigint NOT NULL,
    checksum bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    data bytea NOT NULL,
    PRIMARY KEY (tenant, execution, number)
);
CREATE UNIQUE INDEX signals_by_key ON signals (tenant, execution, key) WHERE key IS NOT NULL;

-- Executions that are gone, and of which there are still journals, signals and uses of payloads to
-- be removed, a few at a time.
CREATE TABLE remnants (
    tenant text COLLATE "C" NOT NULL,
    execution uuid NOT NULL,
    PRIMARY KEY (tenant, execution)
);

-- Contents, each once, and which executions brought them.
CREATE TABLE payloads (
    tenant text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant, digest)
);
CREATE TABLE uses (
    tenant text COLLATE "C" NOT NULL,
    execution uuid NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (tenant, execution, digest)
);
CREATE INDEX uses_by_payload ON uses (tenant, digest, execution);

-- Revisions of all documents, so that none comes back.
CREATE SEQUENCE revisions;
CREATE TABLE documents (
    tenant text COLLATE "C" NOT NULL,
    collection text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    changed_at bigint NOT NULL,
    checksum bigint NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant, collection, name)
);

CREATE TABLE audit (
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    checksum bigint NOT NULL,
    record bytea NOT NULL,
    PRIMARY KEY (tenant, sequence)
);

-- Who writes groups, the number of the last group of each, and which of its changes were left out
-- because somebody else had changed the execution. Whoever loses the connection finds out here
-- whether the group was written.
CREATE TABLE writers (
    id uuid PRIMARY KEY,
    number bigint NOT NULL,
    seen_at bigint NOT NULL,
    missed bigint[] NOT NULL
) WITH (fillfactor = 10);
