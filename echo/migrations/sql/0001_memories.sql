-- Spaces and what they hold. Every table but the directory of spaces is seen through row-level security alone:
-- a transaction that named no space sees nothing and can write nothing.

CREATE TABLE echo.spaces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
    embedding_model text NOT NULL CHECK (embedding_model <> ''),
    width integer NOT NULL CHECK (width BETWEEN 1 AND 4000),
    generation integer NOT NULL DEFAULT 1,
    vector_index boolean NOT NULL DEFAULT false,
    language regconfig NOT NULL DEFAULT 'pg_catalog.english',
    created_at timestamptz NOT NULL
);
COMMENT ON COLUMN echo.spaces.generation IS 'Of the vectors in use; a re-embedding writes the next one and then moves this on.';
COMMENT ON COLUMN echo.spaces.vector_index IS 'An HNSW index of this space and generation is there: new vectors are marked fresh.';

CREATE TABLE echo.memories (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('episodic', 'semantic', 'procedural', 'autobiographical')),
    tier text NOT NULL CHECK (tier IN ('working', 'short_term', 'long_term')),
    state text NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'forgotten', 'merged')),
    content text NOT NULL,
    context text NOT NULL DEFAULT '',
    terms tsvector NOT NULL,
    words integer NOT NULL CHECK (words >= 0),
    importance real NOT NULL CHECK (importance BETWEEN 0 AND 1),
    valence real NOT NULL CHECK (valence BETWEEN -1 AND 1),
    arousal real NOT NULL CHECK (arousal BETWEEN 0 AND 1),
    dominance real NOT NULL CHECK (dominance BETWEEN -1 AND 1),
    complexity real NOT NULL CHECK (complexity BETWEEN 0 AND 1),
    strength real NOT NULL DEFAULT 1 CHECK (strength BETWEEN 0 AND 1),
    access_count integer NOT NULL DEFAULT 0 CHECK (access_count >= 0),
    accessed_at timestamptz,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz CHECK (valid_to >= valid_from),
    supersedes uuid,
    merged_into uuid,
    examined_at timestamptz,
    source text NOT NULL DEFAULT '',
    session text NOT NULL DEFAULT '',
    source_ids text[] NOT NULL DEFAULT '{}',
    provenance jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (space_id, id),
    FOREIGN KEY (space_id, supersedes) REFERENCES echo.memories (space_id, id) ON DELETE SET NULL (supersedes),
    FOREIGN KEY (space_id, merged_into) REFERENCES echo.memories (space_id, id) ON DELETE SET NULL (merged_into),
    CHECK (state <> 'merged' OR merged_into IS NOT NULL OR examined_at IS NOT NULL)
) WITH (fillfactor = 85);
COMMENT ON COLUMN echo.memories.terms IS 'Stems of content and context: what echo.postings holds of this memory, so that they can be taken out again.';
COMMENT ON COLUMN echo.memories.examined_at IS 'When consolidation looked for its duplicates, likenesses and contradictions.';

CREATE INDEX memories_session ON echo.memories (space_id, session, occurred_at) WHERE session <> '';
CREATE INDEX memories_unexamined ON echo.memories (space_id, recorded_at, id) WHERE examined_at IS NULL AND state = 'live';
CREATE INDEX memories_young ON echo.memories (space_id, tier, recorded_at) WHERE tier <> 'long_term' AND state = 'live';
CREATE INDEX memories_gone ON echo.memories (space_id, changed_at) WHERE state <> 'live';
CREATE INDEX memories_merged_into ON echo.memories (space_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX memories_supersedes ON echo.memories (space_id, supersedes) WHERE supersedes IS NOT NULL;

CREATE TABLE echo.embeddings (
    space_id bigint NOT NULL,
    memory_id uuid NOT NULL,
    generation integer NOT NULL,
    live boolean NOT NULL DEFAULT true,
    fresh boolean NOT NULL DEFAULT false,
    embedding vector NOT NULL,
    PRIMARY KEY (space_id, memory_id, generation),
    FOREIGN KEY (space_id, memory_id) REFERENCES echo.memories (space_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN echo.embeddings.fresh IS 'Not in the HNSW index yet: searched one by one, moved into the index in the background.';
CREATE INDEX embeddings_fresh ON echo.embeddings (space_id, generation) WHERE fresh AND live;

CREATE TABLE echo.postings (
    space_id bigint NOT NULL,
    stem text NOT NULL,
    memory_id uuid NOT NULL,
    frequency smallint NOT NULL,
    words integer NOT NULL,
    PRIMARY KEY (space_id, stem, memory_id) INCLUDE (frequency, words)
);
COMMENT ON TABLE echo.postings IS 'Which live memory holds which stem. A table and not a GIN index: under row-level security the operator @@ is not leakproof, so no GIN index would be used; and rows give BM25 its counts.';

CREATE TABLE echo.counters (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    shard smallint NOT NULL,
    memories bigint NOT NULL,
    words bigint NOT NULL,
    PRIMARY KEY (space_id, shard)
) WITH (fillfactor = 20);
COMMENT ON TABLE echo.counters IS 'Live memories and their words, summed over the shards: one row a space would make writers wait for each other.';

CREATE TABLE echo.associations (
    space_id bigint NOT NULL,
    source uuid NOT NULL,
    target uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN (
        'is_a', 'part_of', 'causes', 'enables', 'contradicts', 'similar_to', 'leads_to', 'requires', 'follows'
    )),
    weight real NOT NULL CHECK (weight > 0 AND weight <= 1),
    strengthened integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    activated_at timestamptz NOT NULL,
    PRIMARY KEY (space_id, source, target, kind),
    FOREIGN KEY (space_id, source) REFERENCES echo.memories (space_id, id) ON DELETE CASCADE,
    FOREIGN KEY (space_id, target) REFERENCES echo.memories (space_id, id) ON DELETE CASCADE,
    CHECK (source <> target)
);
CREATE INDEX associations_target ON echo.associations (space_id, target);

CREATE TABLE echo.idempotency_keys (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    result uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (space_id, key)
);
COMMENT ON TABLE echo.idempotency_keys IS 'Outlives its memory, so that a write that is sent again does not bring back what was purged.';

CREATE TABLE echo.forgetting_log (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    memory_id uuid NOT NULL,
    action text NOT NULL CHECK (action IN ('forgotten', 'restored', 'purged', 'merged', 'superseded')),
    reason text NOT NULL,
    retention real,
    at timestamptz NOT NULL,
    PRIMARY KEY (space_id, id)
);

-- What counts as live follows the row, whoever changes it.
CREATE FUNCTION echo.count_memories() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    slot smallint := (pg_catalog.pg_backend_pid() % 16)::smallint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO echo.counters AS c (space_id, shard, memories, words)
        SELECT space_id, slot, count(*), sum(words) FROM arrived WHERE state = 'live' GROUP BY space_id
        ON CONFLICT (space_id, shard) DO UPDATE SET memories = c.memories + excluded.memories, words = c.words + excluded.words;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO echo.counters AS c (space_id, shard, memories, words)
        SELECT space_id, slot, -count(*), -sum(words) FROM departed WHERE state = 'live'
            AND EXISTS (SELECT FROM echo.spaces s WHERE s.id = departed.space_id) GROUP BY space_id
        ON CONFLICT (space_id, shard) DO UPDATE SET memories = c.memories + excluded.memories, words = c.words + excluded.words;
    ELSE
        INSERT INTO echo.counters AS c (space_id, shard, memories, words)
        SELECT space_id, slot, sum(step), sum(step * words) FROM (
            SELECT a.space_id, a.words, (a.state = 'live')::int - (d.state = 'live')::int AS step
            FROM arrived a JOIN departed d USING (space_id, id)
        ) changes WHERE step <> 0 GROUP BY space_id
        ON CONFLICT (space_id, shard) DO UPDATE SET memories = c.memories + excluded.memories, words = c.words + excluded.words;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER memories_counted_in AFTER INSERT ON echo.memories
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION echo.count_memories();
CREATE TRIGGER memories_counted_out AFTER DELETE ON echo.memories
    REFERENCING OLD TABLE AS departed FOR EACH STATEMENT EXECUTE FUNCTION echo.count_memories();
CREATE TRIGGER memories_counted AFTER UPDATE ON echo.memories
    REFERENCING OLD TABLE AS departed NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION echo.count_memories();
