-- Files that file managers write for themselves are kept here whole and never reach the drive; a held file
-- has no content.
ALTER TABLE held_files ADD COLUMN content BLOB;
