-- What was there before step 4, space by space: row-level security binds the owner too. Rows that a service writes or
-- deletes meanwhile are locked for a moment each, never the tables.

DO $$
DECLARE
    space bigint;
BEGIN
    FOR space IN SELECT id FROM echo.spaces ORDER BY id LOOP
        PERFORM set_config('echo.space', space::text, true);
        INSERT INTO echo.origins (space_id, origin, memory_id)
        SELECT m.space_id, s.id::uuid, m.id FROM (
            SELECT space_id, id, source_ids FROM echo.memories
            WHERE space_id = space AND source_ids <> '{}' FOR KEY SHARE
        ) m, unnest(m.source_ids) AS s (id)
        WHERE s.id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        ON CONFLICT DO NOTHING;
        INSERT INTO echo.experience_memories (space_id, memory_id, experience_id)
        SELECT e.space_id, m.id, e.id FROM (
            SELECT space_id, id, memory_ids FROM echo.experiences
            WHERE space_id = space AND memory_ids <> '{}' FOR KEY SHARE
        ) e, unnest(e.memory_ids) AS m (id)
        ON CONFLICT DO NOTHING;
        INSERT INTO echo.pattern_memories (space_id, memory_id, pattern_id)
        SELECT p.space_id, m.id, p.id FROM (
            SELECT space_id, id, source_ids FROM echo.patterns
            WHERE space_id = space AND source_ids <> '{}' FOR KEY SHARE
        ) p, unnest(p.source_ids) AS m (id)
        ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM set_config('echo.space', '', true);
END
$$;
