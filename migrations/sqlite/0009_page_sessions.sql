-- Who is signed in on the pages. What the browser holds is known by its hash alone, so that the file opens no session.
CREATE TABLE sessions (
    digest     BLOB PRIMARY KEY NOT NULL,
    user       TEXT NOT NULL,
    -- Of the user's entry in the settings, keyed with what the browser holds: another password ends the session.
    entry      BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user, used_ms);
