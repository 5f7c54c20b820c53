-- One JSON document of what a store holds, all of it at one moment: rows and a hash of each table whatever their order,
-- and what a few remembered vectors find.
WITH tables AS (
    SELECT c.oid, n.nspname AS space, c.relname AS name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_%'
), counted AS (
    SELECT format('%s.%s', space, name) AS name, query_to_xml(
        format(
            'SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS hash FROM ONLY %I.%I t',
            space, name
        ), false, true, ''
    ) AS found
    FROM tables
), vectors AS (
    SELECT t.space, t.name, a.attname AS vector, (
        SELECT string_agg(format('%I::text', k.attname), ' || '','' || ' ORDER BY p.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p(number, place)
        JOIN pg_attribute k ON k.attrelid = t.oid AND k.attnum = p.number
        WHERE p.place <= i.indnkeyatts
    ) AS key
    FROM tables t
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.atttypid = to_regtype('vector') AND NOT a.attisdropped
    JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
), asked AS (
    SELECT format('%s.%s.%s', space, name, vector) AS name, query_to_xml(
        format(
            'SELECT count(*) AS asked, coalesce(md5(string_agg(hits, '';'' ORDER BY k)), '''') AS hash FROM ('
            '  SELECT s.k, (SELECT string_agg(n.k, '','') FROM ('
            '    SELECT %1$s AS k FROM %2$I.%3$I'
            '    WHERE %4$I IS NOT NULL AND vector_dims(%4$I) = vector_dims(s.v)'
            '    ORDER BY %4$I <=> s.v, %1$s LIMIT 10) n) AS hits'
            '  FROM (SELECT %1$s AS k, %4$I AS v FROM %2$I.%3$I WHERE %4$I IS NOT NULL'
            '    ORDER BY md5(%1$s) LIMIT 5) s) q',
            key, space, name, vector
        ), false, true, ''
    ) AS found
    FROM vectors
)
SELECT json_build_object(
    'at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'archived', (
        SELECT to_char(last_archived_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM pg_stat_archiver
    ),
    'tables', (
        SELECT coalesce(json_object_agg(name, json_build_object(
            'rows', (xpath('//*[local-name()="rows"]/text()', found))[1]::text::bigint,
            'hash', (xpath('//*[local-name()="hash"]/text()', found))[1]::text
        ) ORDER BY name), '{}') FROM counted
    ),
    'samples', (
        SELECT coalesce(json_object_agg(name, json_build_object(
            'asked', (xpath('//*[local-name()="asked"]/text()', found))[1]::text::bigint,
            'hash', (xpath('//*[local-name()="hash"]/text()', found))[1]::text
        ) ORDER BY name), '{}') FROM asked
    )
);
