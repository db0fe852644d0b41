-- One row per account of the configuration.
CREATE TABLE tokens (
    account       TEXT PRIMARY KEY NOT NULL,
    user_id       TEXT,
    access_token  TEXT NOT NULL,
    refresh_token TEXT NOT NULL,
    issued_at     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    uncertain     INTEGER NOT NULL,
    source_digest TEXT
) STRICT;

CREATE TABLE drives (
    account           TEXT PRIMARY KEY NOT NULL,
    user_id           TEXT NOT NULL,
    name              TEXT NOT NULL,
    default_drive_id  TEXT NOT NULL,
    resource_drive_id TEXT,
    backup_drive_id   TEXT
) STRICT;
