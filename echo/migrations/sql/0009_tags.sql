-- Which memories carry a tag, as rows. Rows and not a GIN index, for the reason of step 4: under row-level security the
-- operators of arrays are not leakproof, so a search for a rare tag would read the whole space.

CREATE TABLE echo.memory_tags (
    space_id bigint NOT NULL,
    tag text NOT NULL,
    memory_id uuid NOT NULL,
    PRIMARY KEY (space_id, tag, memory_id),
    FOREIGN KEY (space_id, memory_id) REFERENCES echo.memories (space_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_tags_memory ON echo.memory_tags (space_id, memory_id);
COMMENT ON TABLE echo.memory_tags IS 'echo.memories.tags, to be found by; kept by triggers.';

DO $$
DECLARE
    grantee text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    ALTER TABLE echo.memory_tags ENABLE ROW LEVEL SECURITY;
    ALTER TABLE echo.memory_tags FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY own_space ON echo.memory_tags USING (%s) WITH CHECK (%s)', mine, mine);
    -- A service that runs now writes here by the triggers, from the moment this step is committed.
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'echo.memories'::regclass AND a.grantee <> 0 AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON echo.memory_tags TO %s', grantee);
    END LOOP;
END
$$;

-- Whoever writes them, so that a service of the version before keeps these rows too.
CREATE FUNCTION echo.note_new_tags() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO echo.memory_tags (space_id, tag, memory_id)
    SELECT a.space_id, t.tag, a.id FROM arrived a, unnest(a.tags) AS t (tag)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER memories_tags_in AFTER INSERT ON echo.memories
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION echo.note_new_tags();

CREATE FUNCTION echo.note_changed_tags() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    DELETE FROM echo.memory_tags WHERE space_id = OLD.space_id AND memory_id = OLD.id AND tag <> ALL (NEW.tags);
    INSERT INTO echo.memory_tags (space_id, tag, memory_id)
    SELECT NEW.space_id, t.tag, NEW.id FROM unnest(NEW.tags) AS t (tag)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- Row by row and only where tags changed: every retrieval updates memories, to count that they were accessed.
CREATE TRIGGER memories_tags AFTER UPDATE OF tags ON echo.memories
    FOR EACH ROW WHEN (NEW.tags <> OLD.tags) EXECUTE FUNCTION echo.note_changed_tags();
