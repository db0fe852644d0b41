-- What the pages' links are signed with: one key, made by the first link.
CREATE TABLE link_key (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL
) STRICT;
