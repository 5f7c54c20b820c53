-- What somebody said of an answer, and what that moved. A turn names the request that it came of, so that the experience
-- which was made of it is found by it; turns of before name none, and cannot be judged.

ALTER TABLE echo.turns ADD COLUMN request text NOT NULL DEFAULT '';

CREATE TABLE echo.judgements (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    turn text NOT NULL CHECK (turn <> ''),
    value real NOT NULL CHECK (value BETWEEN -1 AND 1),
    reason text NOT NULL DEFAULT '',
    revision integer NOT NULL DEFAULT 1 CHECK (revision > 0),
    moved jsonb NOT NULL DEFAULT '{}',
    experience uuid,
    conversation text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    PRIMARY KEY (space_id, turn),
    -- A purge of the memories takes the experience, and with it what was said of it.
    FOREIGN KEY (space_id, experience) REFERENCES echo.experiences (space_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN echo.judgements.turn IS 'The request that was answered.';
COMMENT ON COLUMN echo.judgements.moved IS 'By memory, what its strength and importance were moved by: taken back where the judgement changes.';
CREATE INDEX judgements_latest ON echo.judgements (space_id, at DESC, turn);
CREATE INDEX judgements_experience ON echo.judgements (space_id, experience) WHERE experience IS NOT NULL;

DO $$
DECLARE
    grantee text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    ALTER TABLE echo.judgements ENABLE ROW LEVEL SECURITY;
    ALTER TABLE echo.judgements FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY own_space ON echo.judgements USING (%s) WITH CHECK (%s)', mine, mine);
    FOR grantee IN
        SELECT DISTINCT a.grantee::regrole::text FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'echo.memories'::regclass AND a.grantee <> 0 AND a.privilege_type = 'INSERT'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON echo.judgements TO %s', grantee);
    END LOOP;
END
$$;
