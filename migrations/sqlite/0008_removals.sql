-- What is to be removed from the drive, written down before the change that makes it obsolete, and kept until it is
-- gone. A row that is not due belongs to a change of which is not known yet whether it took effect.
CREATE TABLE removals (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    TEXT NOT NULL,
    drive_id   TEXT NOT NULL,
    -- What goes; absent where a change replaces nothing and may leave something.
    file_id    TEXT,
    -- 'trash' or 'delete'.
    way        TEXT NOT NULL,
    -- 'replaced', 'upload' or 'copy'.
    reason     TEXT NOT NULL,
    due        INTEGER NOT NULL,
    since_ms   INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    last_error TEXT,
    -- Where it was, and how the drive is asked whether the change took effect; JSON of the drive layer.
    facts      TEXT NOT NULL
) STRICT;
