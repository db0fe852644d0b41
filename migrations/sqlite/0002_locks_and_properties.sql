CREATE TABLE locks (
    token      TEXT PRIMARY KEY NOT NULL,
    path       TEXT NOT NULL,
    principal  TEXT,
    owner      TEXT,
    timeout_s  INTEGER,
    expires_at INTEGER,
    shared     INTEGER NOT NULL,
    deep       INTEGER NOT NULL
) STRICT;

-- Stored by file id, so that they follow a move and an overwrite.
CREATE TABLE properties (
    file_id   TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    xml       TEXT NOT NULL,
    PRIMARY KEY (file_id, namespace, name)
) STRICT;
