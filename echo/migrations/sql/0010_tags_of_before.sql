-- What was there before step 9, space by space: row-level security binds the owner too. Memories that a service writes or
-- deletes meanwhile are locked for a moment each, never the table.

DO $$
DECLARE
    space bigint;
BEGIN
    FOR space IN SELECT id FROM echo.spaces ORDER BY id LOOP
        PERFORM set_config('echo.space', space::text, true);
        INSERT INTO echo.memory_tags (space_id, tag, memory_id)
        SELECT m.space_id, t.tag, m.id FROM (
            SELECT space_id, id, tags FROM echo.memories WHERE space_id = space AND tags <> '{}' FOR KEY SHARE
        ) m, unnest(m.tags) AS t (tag)
        ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM set_config('echo.space', '', true);
END
$$;
