-- Upload sessions of large files that are copied: what the drive has of them is not sent again by the next run. The
-- source is known by its content, whatever path it has by then: its hash is found by path, size and time (`hashes`).
CREATE TABLE uploads (
    account     TEXT NOT NULL,
    upload_id   TEXT NOT NULL,
    drive_id    TEXT NOT NULL,
    -- Where it goes.
    folder_id   TEXT NOT NULL,
    name        TEXT NOT NULL,
    -- The drive's, which shows it to nobody before the commit.
    file_id     TEXT NOT NULL,
    size        INTEGER NOT NULL,
    sha1        BLOB NOT NULL,
    -- Time of modification, which the session was told.
    modified_ms INTEGER,
    part_size   INTEGER NOT NULL,
    used_ms     INTEGER NOT NULL,
    PRIMARY KEY (account, upload_id)
) STRICT;
CREATE INDEX uploads_by_place ON uploads (account, drive_id, folder_id, name);
