-- Metrics that are kept for less long, or less finely, than others: done to days that are packed.

ALTER TABLE hune.chunks ADD COLUMN every integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN hune.chunks.every IS 'Seconds of which one sample is left, 0 where all are there.';

CREATE FUNCTION hune.packed_days() RETURNS SETOF date LANGUAGE sql STABLE AS $$
    SELECT hune.day_of(child.relname)
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'hune.chunks'::regclass ORDER BY 1
$$;

-- A chunk of which the last sample of each interval is left, and every stale marker: an end is no value.
CREATE FUNCTION hune.thinned(
    INOUT first timestamptz, INOUT gaps integer[], INOUT "values" double precision[], seconds integer
) LANGUAGE sql IMMUTABLE AS $$
    WITH sample AS (
        SELECT one.time, one.value, lead(one.time) OVER (
            PARTITION BY one.value IS NULL, (extract(epoch FROM one.time) * 1000)::bigint / (seconds * 1000)
            ORDER BY one.time
        ) IS NULL AS is_last
        FROM hune.unpack(first, gaps, "values") AS one
    ), spaced AS (
        SELECT time, value, coalesce(extract(epoch FROM time - lag(time) OVER (ORDER BY time)) * 1000, 0)::integer AS gap
        FROM sample WHERE is_last OR value IS NULL
    )
    SELECT min(time), array_agg(gap ORDER BY time), array_agg(value ORDER BY time) FROM spaced
$$;

-- What was packed again with what came late has to be thinned again.
CREATE FUNCTION hune.is_whole_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.every = OLD.every AND NEW.gaps IS DISTINCT FROM OLD.gaps THEN
        NEW.every := 0;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER is_whole_again BEFORE UPDATE ON hune.chunks FOR EACH ROW EXECUTE FUNCTION hune.is_whole_again();
