-- SHA-1s of local files that were copied: a file of this size and time of modification need not be read again.
CREATE TABLE hashes (
    -- Absolute, in the system's own bytes.
    path        BLOB PRIMARY KEY,
    size        INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sha1        BLOB NOT NULL,
    -- When it was of use last, in seconds.
    used        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
