-- Conversations with what was recalled for each turn, goals, and live memories by time.

CREATE TABLE echo.conversations (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id text NOT NULL CHECK (id <> ''),
    title text NOT NULL,
    model text NOT NULL,
    turns integer NOT NULL DEFAULT 0 CHECK (turns >= 0),
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (space_id, id)
);
CREATE INDEX conversations_latest ON echo.conversations (space_id, updated_at DESC, id);

CREATE TABLE echo.turns (
    space_id bigint NOT NULL,
    conversation text NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    role text NOT NULL,
    content text NOT NULL,
    at timestamptz NOT NULL,
    recalled jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (space_id, conversation, number),
    FOREIGN KEY (space_id, conversation) REFERENCES echo.conversations (space_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN echo.turns.recalled IS 'Ids, scores and reasons; never the memories'' text, which would outlive them here.';

CREATE TABLE echo.goals (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    text text NOT NULL CHECK (text <> ''),
    priority real NOT NULL CHECK (priority BETWEEN 0 AND 1),
    progress real NOT NULL CHECK (progress BETWEEN 0 AND 1),
    state text NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (space_id, id)
);

CREATE INDEX memories_latest ON echo.memories (space_id, occurred_at DESC, id DESC) WHERE state = 'live';

DO $$
DECLARE
    name text;
    mine text := 'space_id = NULLIF(pg_catalog.current_setting(''echo.space'', true), '''')::bigint';
BEGIN
    FOREACH name IN ARRAY ARRAY['conversations', 'turns', 'goals'] LOOP
        EXECUTE format('ALTER TABLE echo.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE echo.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own_space ON echo.%I USING (%s) WITH CHECK (%s)', name, mine, mine);
    END LOOP;
END
$$;
