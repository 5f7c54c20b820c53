-- A space on its way to another embedding model: how far it is, so that a run that was cut off goes on from there.

CREATE TABLE echo.reembeddings (
    space_id bigint PRIMARY KEY REFERENCES echo.spaces (id) ON DELETE CASCADE,
    generation integer NOT NULL,
    embedding_model text NOT NULL CHECK (embedding_model <> ''),
    width integer NOT NULL CHECK (width BETWEEN 1 AND 4000),
    position uuid,
    done bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL
);
COMMENT ON COLUMN echo.reembeddings.position IS 'Every memory up to this id has its vector of the new generation.';
COMMENT ON COLUMN echo.reembeddings.done IS 'Vectors of the new generation that were written.';

DO $$
DECLARE
    grantee text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    ALTER TABLE echo.reembeddings ENABLE ROW LEVEL SECURITY;
    ALTER TABLE echo.reembeddings FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY own_space ON echo.reembeddings USING (%s) WITH CHECK (%s)', mine, mine);
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'echo.memories'::regclass AND a.grantee <> 0 AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON echo.reembeddings TO %s', grantee);
    END LOOP;
END
$$;
