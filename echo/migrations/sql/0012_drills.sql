-- How restores that were tried out ended. Whoever may read everything says so by one function, and writes nothing else;
-- the exporter reads the figures. Services neither read nor write it: a mind has nothing to say of its own backups.

CREATE TABLE echo.drills (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ended timestamptz NOT NULL,
    took_seconds double precision NOT NULL CHECK (took_seconds >= 0),
    outcome text NOT NULL CHECK (outcome IN ('good', 'differs', 'failed')),
    rows bigint CHECK (rows >= 0),
    rpo_seconds double precision CHECK (rpo_seconds >= 0),
    rto_seconds double precision CHECK (rto_seconds >= 0)
);
COMMENT ON COLUMN echo.drills.outcome IS 'differs: the copy came up with other contents; failed: there was none.';
CREATE INDEX drills_latest ON echo.drills (ended DESC, id DESC);

CREATE FUNCTION echo.drill_ended(
    took double precision, outcome text, rows bigint, rpo double precision, rto double precision
) RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS 'INSERT INTO echo.drills (ended, took_seconds, outcome, rows, rpo_seconds, rto_seconds)
    VALUES (pg_catalog.clock_timestamp(), $1, $2, $3, $4, $5)';
REVOKE ALL ON FUNCTION echo.drill_ended FROM PUBLIC;
GRANT EXECUTE ON FUNCTION echo.drill_ended TO pg_read_all_data;

GRANT USAGE ON SCHEMA echo TO pg_monitor;
GRANT SELECT ON echo.drills TO pg_monitor;
