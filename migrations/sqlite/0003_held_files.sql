-- Empty files that a client made and is about to fill; they reach the drive only if they stay empty.
CREATE TABLE held_files (
    path       TEXT PRIMARY KEY NOT NULL,
    file_id    TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
