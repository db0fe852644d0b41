-- Whose removal it is, where several instances share a store; nobody shares a file.
ALTER TABLE removals ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;
