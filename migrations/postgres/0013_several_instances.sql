-- What instances that share a database agree by. Not logged, so that nobody waits for a disk: after a crash of the
-- server the tables are empty, and with the lives all that they had is gone too.

-- A life of an instance; `started` and `alive_until` by the database's clock. Its id is drawn by lot: one that was
-- counted would come again after a crash, while somebody still lives by it.
CREATE UNLOGGED TABLE instances (
    id          BIGINT PRIMARY KEY,
    name        TEXT NOT NULL,
    started     TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    alive_until TIMESTAMPTZ NOT NULL
);

-- What only one instance may have or do at a time. A row that is not held tells who had it last.
CREATE UNLOGGED TABLE leases (
    key      BYTEA PRIMARY KEY,
    holder   BIGINT NOT NULL,
    -- The holder before.
    previous BIGINT NOT NULL,
    -- Of one taking: giving back a lease that was taken again since has no effect.
    ticket   BIGINT NOT NULL,
    held     BOOLEAN NOT NULL,
    since    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

-- When the last calls of each rate class went or are to go, oldest first.
CREATE UNLOGGED TABLE pace (
    account      TEXT NOT NULL,
    class        TEXT NOT NULL,
    sent         TIMESTAMPTZ[] NOT NULL DEFAULT '{}',
    paused_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    spaced_until TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (account, class)
);

-- The life of the instance that works on it; nobody else changes it.
ALTER TABLE removals ADD COLUMN owner BIGINT NOT NULL DEFAULT 0;

-- Rows that others mirror tell of their changes.
CREATE FUNCTION tell_others() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    key TEXT;
BEGIN
    -- The one column: a row may hold a file.
    EXECUTE format('SELECT ($1).%I::text', TG_ARGV[0])
        INTO key USING CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    -- A key that is too long for a notification is left out, which means all of the table.
    IF octet_length(key) > 7000 THEN
        key := '';
    END IF;
    PERFORM pg_notify('alidav', json_build_array(current_setting('application_name'),
        json_build_object('row', json_build_object('table', TG_TABLE_NAME, 'key', key)))::text);
    RETURN NULL;
END $$;
CREATE TRIGGER tell_others AFTER INSERT OR UPDATE OR DELETE ON locks
    FOR EACH ROW EXECUTE FUNCTION tell_others('token');
CREATE TRIGGER tell_others AFTER INSERT OR UPDATE OR DELETE ON properties
    FOR EACH ROW EXECUTE FUNCTION tell_others('file_id');
CREATE TRIGGER tell_others AFTER INSERT OR UPDATE OR DELETE ON held_files
    FOR EACH ROW EXECUTE FUNCTION tell_others('folder_id');
CREATE TRIGGER tell_others AFTER INSERT OR UPDATE OR DELETE ON removals
    FOR EACH ROW EXECUTE FUNCTION tell_others('account');
-- Not an update: that a session was used ends none.
CREATE TRIGGER tell_others AFTER INSERT OR DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION tell_others('user');
