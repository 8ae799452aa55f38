-- For people who ask in SQL, and for what looks after the store.

-- The newest value of each series of a metric, no older than `within`; not of those that have ended.
CREATE FUNCTION hune.latest(
    name text, matching jsonb DEFAULT '{}', at timestamptz DEFAULT now(), within interval DEFAULT '5 minutes'
)
RETURNS TABLE ("time" timestamptz, value double precision, labels jsonb, series_id bigint) LANGUAGE sql STABLE AS $$
    SELECT newest.time, newest.value, newest.labels, newest.series_id
    FROM (
        SELECT DISTINCT ON (one.series_id) one.time, one.value, one.labels, one.series_id
        FROM hune.between(at - within, at + interval '1 microsecond') AS one
        WHERE one.metric = name AND one.labels @> matching
        ORDER BY one.series_id, one.time DESC
    ) AS newest
    WHERE newest.value IS NOT NULL
$$;

-- What the series of a metric were in each step of time.
CREATE FUNCTION hune.buckets(
    name text, step interval, since timestamptz, until timestamptz DEFAULT now(), matching jsonb DEFAULT '{}'
)
RETURNS TABLE (
    "time" timestamptz, lowest double precision, average double precision, highest double precision,
    last double precision, samples bigint, labels jsonb, series_id bigint
) LANGUAGE sql STABLE AS $$
    SELECT date_bin(step, one.time, since), min(one.value), avg(one.value), max(one.value),
        (array_agg(one.value ORDER BY one.time DESC))[1], count(*), one.labels, one.series_id
    FROM hune.between(since, until) AS one
    WHERE one.metric = name AND one.labels @> matching AND one.value IS NOT NULL
    GROUP BY date_bin(step, one.time, since), one.series_id, one.labels
$$;

-- How much the counters of a metric grew in each step of time, and by how much a second. A counter that falls began anew
-- at 0. Nothing is guessed: growth counts where the later of two samples lies.
CREATE FUNCTION hune.rates(
    name text, step interval, since timestamptz, until timestamptz DEFAULT now(), matching jsonb DEFAULT '{}'
)
RETURNS TABLE (
    "time" timestamptz, per_second double precision, growth double precision, labels jsonb, series_id bigint
) LANGUAGE sql STABLE AS $$
    SELECT date_bin(step, pair.time, since), sum(pair.growth) / extract(epoch FROM step), sum(pair.growth),
        pair.labels, pair.series_id
    FROM (
        SELECT one.time, one.labels, one.series_id, CASE
            WHEN one.value >= lag(one.value) OVER earlier THEN one.value - lag(one.value) OVER earlier
            WHEN lag(one.value) OVER earlier IS NOT NULL THEN one.value
        END AS growth
        -- What the first sample grew from may lie before.
        FROM hune.between(since - interval '5 minutes', until) AS one
        WHERE one.metric = name AND one.labels @> matching AND one.value IS NOT NULL
        WINDOW earlier AS (PARTITION BY one.series_id ORDER BY one.time)
    ) AS pair
    WHERE pair.time >= since AND pair.growth IS NOT NULL
    GROUP BY date_bin(step, pair.time, since), pair.series_id, pair.labels
$$;

-- Lets a role read everything here, and nothing more.
CREATE FUNCTION hune.allow_reading(role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA hune TO %I', role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA hune TO %I', role);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA hune GRANT SELECT ON TABLES TO %I', role);
END $$;

-- What days take. How many samples there are is estimated, unless it is to be exact.
CREATE FUNCTION hune.day_sizes(exact boolean DEFAULT false)
RETURNS TABLE (day date, series bigint, samples bigint, packed_samples bigint, bytes bigint, packed_bytes bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    loose regclass;
    tight regclass;
    size double precision;
BEGIN
    FOR day IN SELECT one FROM hune.days() AS one ORDER BY 1 LOOP
        loose := to_regclass('hune.samples_' || to_char(day, 'YYYYMMDD'));
        tight := to_regclass('hune.chunks_' || to_char(day, 'YYYYMMDD'));
        samples := 0;
        series := 0;
        packed_samples := 0;
        bytes := coalesce(pg_total_relation_size(loose), 0);
        packed_bytes := coalesce(pg_total_relation_size(tight), 0);
        IF loose IS NOT NULL THEN
            SELECT reltuples INTO samples FROM pg_class WHERE oid = loose;
            -- Never counted by the server.
            IF exact OR samples < 0 THEN
                EXECUTE format('SELECT count(*) FROM %s', loose) INTO samples;
            END IF;
        END IF;
        IF tight IS NOT NULL THEN
            EXECUTE format('SELECT count(*) FROM %s', tight) INTO series;
            IF exact THEN
                EXECUTE format('SELECT coalesce(sum(cardinality(gaps)), 0) FROM %s', tight) INTO packed_samples;
            ELSE
                EXECUTE format('SELECT avg(cardinality(gaps)) FROM (SELECT gaps FROM %s LIMIT 200) AS few', tight)
                INTO size;
                packed_samples := coalesce(size * series, 0);
            END IF;
        ELSIF exact AND loose IS NOT NULL THEN
            EXECUTE format('SELECT count(DISTINCT series_id) FROM %s', loose) INTO series;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- The time of the newest sample that was stored: rows lie as they came, so only the end of the last days is read.
CREATE FUNCTION hune.newest() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    name regclass;
    found timestamptz;
BEGIN
    FOR name IN
        SELECT child.oid
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'hune.samples'::regclass ORDER BY child.relname DESC
    LOOP
        EXECUTE format(
            'SELECT max(time) FROM %s WHERE ctid >= %L', name,
            format('(%s,0)', greatest(0, pg_relation_size(name) / current_setting('block_size')::bigint - 1024))
        ) INTO found;
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    RETURN found;
END $$;
