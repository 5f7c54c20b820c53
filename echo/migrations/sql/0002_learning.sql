-- What is learned from: the experience buffer, the pattern store, cognitive states, identities.

CREATE TABLE echo.experiences (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    input text NOT NULL,
    output text NOT NULL DEFAULT '',
    feedback real CHECK (feedback BETWEEN -1 AND 1),
    context jsonb NOT NULL DEFAULT '{}',
    memory_ids uuid[] NOT NULL DEFAULT '{}',
    occurred_at timestamptz NOT NULL,
    consolidated_at timestamptz,
    PRIMARY KEY (space_id, id)
);
CREATE INDEX experiences_waiting ON echo.experiences (space_id, occurred_at, id) WHERE consolidated_at IS NULL;

CREATE TABLE echo.patterns (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('linguistic', 'behavioral', 'contextual', 'semantic', 'temporal')),
    signature text NOT NULL,
    tier text NOT NULL CHECK (tier IN ('short_term', 'medium_term', 'long_term', 'archetypal')),
    strength real NOT NULL CHECK (strength BETWEEN 0 AND 1),
    frequency integer NOT NULL CHECK (frequency > 0),
    positives integer NOT NULL CHECK (positives BETWEEN 0 AND frequency),
    confidence real NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    source_ids uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (space_id, id),
    UNIQUE (space_id, kind, signature)
);

CREATE TABLE echo.cognitive_states (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    taken_at timestamptz NOT NULL,
    coherence real CHECK (coherence BETWEEN 0 AND 1),
    content jsonb NOT NULL,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (space_id, id)
);

CREATE TABLE echo.identity_snapshots (
    space_id bigint NOT NULL REFERENCES echo.spaces (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    taken_at timestamptz NOT NULL,
    coherence real CHECK (coherence BETWEEN 0 AND 1),
    content jsonb NOT NULL,
    reason text NOT NULL DEFAULT '',
    PRIMARY KEY (space_id, id)
);
