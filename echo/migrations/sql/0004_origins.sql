-- What was made from which memory, as rows. Rows and not a GIN index: under row-level security the operators of arrays
-- are not leakproof, so no GIN index would be used, and a purge would read the whole space for each memory.

CREATE TABLE echo.origins (
    space_id bigint NOT NULL,
    origin uuid NOT NULL,
    memory_id uuid NOT NULL,
    PRIMARY KEY (space_id, origin, memory_id),
    FOREIGN KEY (space_id, memory_id) REFERENCES echo.memories (space_id, id) ON DELETE CASCADE
);
CREATE INDEX origins_memory ON echo.origins (space_id, memory_id);
COMMENT ON TABLE echo.origins IS 'Memories that name another in source_ids; ids that are no uuid are not held here.';

CREATE TABLE echo.experience_memories (
    space_id bigint NOT NULL,
    memory_id uuid NOT NULL,
    experience_id uuid NOT NULL,
    PRIMARY KEY (space_id, memory_id, experience_id),
    FOREIGN KEY (space_id, experience_id) REFERENCES echo.experiences (space_id, id) ON DELETE CASCADE
);
CREATE INDEX experience_memories_experience ON echo.experience_memories (space_id, experience_id);

CREATE TABLE echo.pattern_memories (
    space_id bigint NOT NULL,
    memory_id uuid NOT NULL,
    pattern_id uuid NOT NULL,
    PRIMARY KEY (space_id, memory_id, pattern_id),
    FOREIGN KEY (space_id, pattern_id) REFERENCES echo.patterns (space_id, id) ON DELETE CASCADE
);
CREATE INDEX pattern_memories_pattern ON echo.pattern_memories (space_id, pattern_id);
COMMENT ON TABLE echo.pattern_memories IS 'May hold a memory that a pattern no longer names; whoever reads it looks at the pattern too.';

DO $$
DECLARE
    name text;
    grantee text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    FOREACH name IN ARRAY ARRAY['origins', 'experience_memories', 'pattern_memories'] LOOP
        EXECUTE format('ALTER TABLE echo.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE echo.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_space ON echo.%I USING (%s) WITH CHECK (%s)', name, mine, mine);
        -- A service that runs now writes here by the triggers, from the moment this step is committed.
        FOR grantee IN
            SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = 'echo.memories'::regclass AND a.grantee <> 0 AND a.privilege_type = 'INSERT'
        LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON echo.%I TO %s', name, grantee);
        END LOOP;
    END LOOP;
END
$$;

-- Whoever writes them, so that a service of the version before keeps these rows too.
CREATE FUNCTION echo.note_origins() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO echo.origins (space_id, origin, memory_id)
        SELECT a.space_id, s.id::uuid, a.id FROM arrived a, unnest(a.source_ids) AS s (id)
        WHERE s.id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO echo.origins (space_id, origin, memory_id)
        SELECT a.space_id, s.id::uuid, a.id
        FROM arrived a JOIN departed d USING (space_id, id), unnest(a.source_ids) AS s (id)
        WHERE a.source_ids <> d.source_ids AND s.id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER memories_origins_in AFTER INSERT ON echo.memories
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION echo.note_origins();
CREATE TRIGGER memories_origins AFTER UPDATE ON echo.memories
    REFERENCING OLD TABLE AS departed NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION echo.note_origins();

CREATE FUNCTION echo.note_experience() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO echo.experience_memories (space_id, memory_id, experience_id)
    SELECT NEW.space_id, m.id, NEW.id FROM unnest(NEW.memory_ids) AS m (id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER experiences_noted AFTER INSERT ON echo.experiences
    FOR EACH ROW WHEN (NEW.memory_ids <> '{}') EXECUTE FUNCTION echo.note_experience();

CREATE FUNCTION echo.note_pattern() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO echo.pattern_memories (space_id, memory_id, pattern_id)
    SELECT NEW.space_id, m.id, NEW.id FROM unnest(NEW.source_ids) AS m (id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER patterns_noted_in AFTER INSERT ON echo.patterns
    FOR EACH ROW WHEN (NEW.source_ids <> '{}') EXECUTE FUNCTION echo.note_pattern();
CREATE TRIGGER patterns_noted AFTER UPDATE ON echo.patterns
    FOR EACH ROW WHEN (NEW.source_ids <> OLD.source_ids AND NEW.source_ids <> '{}') EXECUTE FUNCTION echo.note_pattern();
