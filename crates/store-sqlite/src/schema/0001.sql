-- Tenants have short numbers here, with which all other keys begin.
CREATE TABLE tenants (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE workflows (
    tenant INTEGER NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    document BLOB NOT NULL,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (tenant, id, version)
) STRICT;

-- What never changes of an execution. Its number belongs to this file alone, and never comes again.
CREATE TABLE executions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant INTEGER NOT NULL,
    id BLOB NOT NULL,
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    pinned BLOB NOT NULL,
    user TEXT,
    retry_of BLOB,
    part_of BLOB,
    created_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX executions_by_id ON executions (tenant, id);
CREATE INDEX executions_by_time ON executions (tenant, created_at);
CREATE INDEX executions_by_workflow ON executions (tenant, workflow, created_at);
CREATE INDEX executions_by_whole ON executions (tenant, part_of, created_at)
    WHERE part_of IS NOT NULL;
CREATE INDEX executions_by_version ON executions (tenant, workflow, version);

-- What changes of an execution, kept narrow: one page has many of them.
CREATE TABLE courses (
    number INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    length INTEGER NOT NULL,
    last INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    status TEXT,
    reason TEXT,
    until INTEGER,
    signal_after INTEGER,
    requests INTEGER NOT NULL,
    signals INTEGER NOT NULL,
    signal_bytes INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    worker BLOB,
    lease INTEGER,
    due INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX courses_by_due ON courses (tenant, due) WHERE due IS NOT NULL;
CREATE INDEX courses_by_state ON courses (tenant, state, created_at);
CREATE INDEX courses_by_status ON courses (tenant, status, created_at) WHERE status IS NOT NULL;
CREATE INDEX courses_by_end ON courses (tenant, ended_at) WHERE ended_at IS NOT NULL;

-- The records of all journals, in the order in which they came. Each knows the row of the one
-- before it in its journal (0: it is the first); a course knows the row of the last one.
CREATE TABLE journal (
    number INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    record BLOB NOT NULL
) STRICT;
-- Where every so many of them are, so that the middle of a journal is found without its end.
CREATE TABLE marks (
    tenant INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (tenant, execution, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE signals (
    tenant INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    data BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    key TEXT,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (tenant, execution, number)
) STRICT;
CREATE UNIQUE INDEX signals_by_key ON signals (tenant, execution, key) WHERE key IS NOT NULL;

-- Executions that are gone, and of which there are still journals, signals and uses of payloads to
-- be removed, a few at a time: how long the journal is still, and where its last record is.
CREATE TABLE remnants (
    execution INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    length INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE INDEX remnants_by_tenant ON remnants (tenant);

-- Contents are apart from what is counted: a count changes without writing them again.
CREATE TABLE payloads (
    number INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    uses INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX payloads_by_digest ON payloads (tenant, digest);
CREATE TABLE contents (
    payload INTEGER PRIMARY KEY,
    content BLOB NOT NULL
) STRICT;
CREATE TABLE uses (
    tenant INTEGER NOT NULL,
    execution INTEGER NOT NULL,
    payload INTEGER NOT NULL,
    PRIMARY KEY (tenant, execution, payload)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    tenant INTEGER NOT NULL,
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    content BLOB NOT NULL,
    revision INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (tenant, collection, name)
) STRICT;
-- The greatest revision that a deleted document of a collection had.
CREATE TABLE deleted_documents (
    tenant INTEGER NOT NULL,
    collection TEXT NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, collection)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    tenant INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    record BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (tenant, sequence)
) STRICT, WITHOUT ROWID;
