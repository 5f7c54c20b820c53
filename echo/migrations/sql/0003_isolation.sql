-- Row-level security. FORCE, so that it binds the owner too. `echo.space` is set for one transaction by the library.

DO $$
DECLARE
    name text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'memories', 'embeddings', 'postings', 'counters', 'associations', 'idempotency_keys', 'forgetting_log',
        'experiences', 'patterns', 'cognitive_states', 'identity_snapshots'
    ] LOOP
        EXECUTE format('ALTER TABLE echo.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE echo.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_space ON echo.%I USING (%s) WITH CHECK (%s)', name, mine, mine);
    END LOOP;
END
$$;

-- The directory of spaces (names, models, widths) is seen by whoever may use the store; a space is changed or
-- deleted only from within.
ALTER TABLE echo.spaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE echo.spaces FORCE ROW LEVEL SECURITY;
CREATE POLICY directory ON echo.spaces FOR SELECT USING (true);
CREATE POLICY new_space ON echo.spaces FOR INSERT WITH CHECK (true);
CREATE POLICY own_space ON echo.spaces FOR UPDATE
    USING (id = NULLIF(pg_catalog.current_setting('echo.space', true), '')::bigint);
CREATE POLICY end_of_space ON echo.spaces FOR DELETE
    USING (id = NULLIF(pg_catalog.current_setting('echo.space', true), '')::bigint);
