-- Held files belong to a folder of a drive, not to a path: they follow it, and another folder in its place has none of
-- them. `name` is in one Unicode form; the path is where the file was last seen. Rows from before have no ids yet.
CREATE TABLE held_by_folder (
    drive_id   TEXT NOT NULL,
    folder_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    path       TEXT NOT NULL,
    file_id    TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    content    BLOB,
    PRIMARY KEY (drive_id, folder_id, name)
) STRICT;
INSERT INTO held_by_folder SELECT '', '', path, path, file_id, created_ms, content FROM held_files;
DROP TABLE held_files;
ALTER TABLE held_by_folder RENAME TO held_files;
