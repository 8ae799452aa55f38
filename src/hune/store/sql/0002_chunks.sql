-- Days that are over, packed: a row for each series and day instead of one for each sample.

CREATE TABLE hune.chunks (
    day date NOT NULL,
    series_id bigint NOT NULL,
    first timestamptz NOT NULL,
    gaps integer[] NOT NULL,
    values double precision[] NOT NULL,
    PRIMARY KEY (series_id, day)
) PARTITION BY RANGE (day);
COMMENT ON TABLE hune.chunks IS 'Samples of days that are over, a partition for each day (UTC).';
COMMENT ON COLUMN hune.chunks.first IS 'Time of the first sample.';
COMMENT ON COLUMN hune.chunks.gaps IS 'Milliseconds since the sample before, 0 for the first: nearly always the same, so they take next to nothing.';

CREATE FUNCTION hune.day_of(name text) RETURNS date LANGUAGE sql IMMUTABLE AS
$$ SELECT to_date(right(name, 8), 'YYYYMMDD') $$;

-- The samples of a chunk.
CREATE FUNCTION hune.unpack(first timestamptz, gaps integer[], "values" double precision[])
RETURNS TABLE ("time" timestamptz, value double precision) LANGUAGE sql IMMUTABLE ROWS 5000 AS $$
    SELECT first + sum(gap) OVER (ORDER BY place) * interval '1 millisecond', value
    FROM unnest(gaps, "values") WITH ORDINALITY AS one (gap, value, place)
$$;

-- On the partition of a packed day: what is in a chunk isn't stored again.
CREATE FUNCTION hune.skip_packed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM hune.chunks AS chunk, hune.unpack(chunk.first, chunk.gaps, chunk.values) AS packed
        WHERE chunk.series_id = NEW.series_id AND chunk.day = hune.day_of(TG_TABLE_NAME) AND packed.time = NEW.time
    ) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

-- Packs a day, or what came late for one that is packed; returns how many samples. Who writes to the day meanwhile waits.
CREATE FUNCTION hune.pack(day date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    name text := 'samples_' || to_char(day, 'YYYYMMDD');
    packed text := 'chunks_' || to_char(day, 'YYYYMMDD');
    late boolean := to_regclass('hune.' || packed) IS NOT NULL;
    count bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    -- Readers may go on until the rows are taken away. Truncated instead of dropped: that needs no lock on the other days.
    EXECUTE format('LOCK TABLE hune.%I IN EXCLUSIVE MODE', name);
    IF NOT late THEN
        EXECUTE format('CREATE TABLE hune.%I (LIKE hune.chunks INCLUDING ALL)', packed);
    END IF;
    EXECUTE format($statement$
        WITH rows AS (
            SELECT series_id, time, value FROM hune.%1$I
            UNION ALL
            SELECT chunk.series_id, one.time, one.value
            FROM hune.%2$I AS chunk, hune.unpack(chunk.first, chunk.gaps, chunk.values) AS one
            WHERE chunk.series_id IN (SELECT series_id FROM hune.%1$I)
        ), spaced AS (
            SELECT *, coalesce(
                extract(epoch FROM time - lag(time) OVER (PARTITION BY series_id ORDER BY time)) * 1000, 0
            )::integer AS gap
            FROM rows
        )
        INSERT INTO hune.%2$I (day, series_id, first, gaps, "values")
        SELECT %3$L, series_id, min(time), array_agg(gap ORDER BY time), array_agg(value ORDER BY time)
        FROM spaced GROUP BY series_id
        ON CONFLICT (series_id, day) DO UPDATE
        SET first = excluded.first, gaps = excluded.gaps, "values" = excluded."values"
    $statement$, name, packed, day);
    EXECUTE format('SELECT count(*) FROM hune.%I', name) INTO count;
    IF NOT late THEN
        EXECUTE format(
            'ALTER TABLE hune.chunks ATTACH PARTITION hune.%I FOR VALUES FROM (%L) TO (%L)', packed, day, day + 1
        );
        EXECUTE format(
            'CREATE TRIGGER skip_packed BEFORE INSERT ON hune.%I FOR EACH ROW EXECUTE FUNCTION hune.skip_packed()', name
        );
    END IF;
    EXECUTE format('TRUNCATE hune.%I', name);
    RETURN count;
END $$;

-- Days that ended before a moment and have samples that aren't packed.
CREATE FUNCTION hune.unpacked_before(moment timestamptz) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOR name IN
        SELECT child.relname
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'hune.samples'::regclass AND hune.day_of(child.relname) + 1 <= (moment AT TIME ZONE 'UTC')::date
        ORDER BY 1
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM hune.%I)', name) INTO filled;
        IF filled THEN
            RETURN NEXT hune.day_of(name);
        END IF;
    END LOOP;
END $$;

-- Now also what is packed.
CREATE OR REPLACE FUNCTION hune.drop_before(moment timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    parent regclass;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.samples', 0));
    FOR name, parent IN
        SELECT child.relname, inhparent
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent IN ('hune.samples'::regclass, 'hune.chunks'::regclass)
          AND hune.day_of(child.relname) < (moment AT TIME ZONE 'UTC')::date
        ORDER BY 1 DESC
    LOOP
        EXECUTE format('DROP TABLE hune.%I', name);
        dropped := dropped + (parent = 'hune.samples'::regclass)::integer;
    END LOOP;
    RETURN dropped;
END $$;

-- Samples of [since, until) as people read them; a condition on series goes into it.
CREATE FUNCTION hune.between(since timestamptz, until timestamptz)
RETURNS TABLE ("time" timestamptz, value double precision, metric text, labels jsonb, series_id bigint)
LANGUAGE sql STABLE AS $$
    SELECT sample.time, sample.value, series.metric, series.labels, series.id
    FROM hune.series JOIN hune.samples AS sample ON sample.series_id = series.id
    WHERE sample.time >= since AND sample.time < until
    UNION ALL
    SELECT one.time, one.value, series.metric, series.labels, series.id
    FROM hune.series JOIN hune.chunks AS chunk ON chunk.series_id = series.id,
        hune.unpack(chunk.first, chunk.gaps, chunk.values) AS one
    WHERE chunk.day >= (since AT TIME ZONE 'UTC')::date AND chunk.day <= (until AT TIME ZONE 'UTC')::date
      AND one.time >= since AND one.time < until
$$;

DROP VIEW hune.readable;
CREATE VIEW hune.readable AS SELECT * FROM hune.between('-infinity', 'infinity');
COMMENT ON VIEW hune.readable IS 'All samples. hune.between(since, until) reads only the days it is asked for.';
