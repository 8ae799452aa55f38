-- TimescaleDB where a database has it: samples lie in a hypertable instead of partitions, and its own compression packs
-- days that are over. What is asked of the store is asked in the same words; hune.chunks stays empty then.

CREATE TABLE hune.thinning (
    day date NOT NULL,
    every integer NOT NULL,
    metrics text[] NOT NULL,
    PRIMARY KEY (day, every)
);
COMMENT ON TABLE hune.thinning IS 'Of days in a hypertable the metrics of which one sample is left of so many seconds.';

-- The schema of TimescaleDB's functions; NULL where samples aren't in a hypertable.
CREATE FUNCTION hune.timescaledb() RETURNS name LANGUAGE plpgsql STABLE AS $$
DECLARE
    place name;
    found boolean := false;
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'hune.samples'::regclass) = 'r' THEN
        SELECT nspname INTO place
        FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'timescaledb';
        IF place IS NOT NULL THEN
            EXECUTE $statement$
                SELECT EXISTS (
                    SELECT FROM timescaledb_information.hypertables
                    WHERE hypertable_schema = 'hune' AND hypertable_name = 'samples'
                )
            $statement$ INTO found;
        END IF;
    END IF;
    RETURN CASE WHEN found THEN place END;
END $$;

-- The schema of a TimescaleDB that can do what is needed, else NULL. Its Apache edition packs nothing; up to 2.17 it left
-- out rows that come after one that a packed day has already.
CREATE FUNCTION hune.usable_timescaledb() RETURNS name LANGUAGE sql STABLE AS $$
    SELECT nspname
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'timescaledb' AND current_setting('timescaledb.license', true) = 'timescale'
      AND string_to_array(substring(extversion FROM '^\d+\.\d+'), '.')::integer[] >= '{2,19}'
$$;

-- What samples of a day lie in, and whether the day is packed.
CREATE FUNCTION hune.parts(OUT day date, OUT relation regclass, OUT is_packed boolean) RETURNS SETOF record
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF hune.timescaledb() IS NULL THEN
        RETURN QUERY
        SELECT hune.day_of(child.relname), child.oid::regclass,
            to_regclass('hune.chunks_' || right(child.relname, 8)) IS NOT NULL
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'hune.samples'::regclass;
    ELSE
        RETURN QUERY EXECUTE $statement$
            SELECT (range_start AT TIME ZONE 'UTC')::date, format('%I.%I', chunk_schema, chunk_name)::regclass,
                is_compressed
            FROM timescaledb_information.chunks WHERE hypertable_schema = 'hune' AND hypertable_name = 'samples'
        $statement$;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION hune.days() RETURNS SETOF date LANGUAGE sql STABLE AS
$$ SELECT day FROM hune.parts() $$;

CREATE OR REPLACE FUNCTION hune.packed_days() RETURNS SETOF date LANGUAGE sql STABLE AS
$$ SELECT day FROM hune.parts() WHERE is_packed ORDER BY 1 $$;

-- Only a partitioned table needs them.
ALTER FUNCTION hune.make_partition(date) RENAME TO add_partition;
CREATE FUNCTION hune.make_partition(day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'hune.samples'::regclass) = 'p' THEN
        PERFORM hune.add_partition(day);
    END IF;
END $$;

-- Has selects see of TimescaleDB's chunks only what isn't compressed, until it is called again or the transaction ends.
CREATE FUNCTION hune.see_loose_only(so boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF hune.timescaledb() IS NOT NULL THEN
        PERFORM set_config('timescaledb.enable_transparent_decompression', CASE WHEN so THEN 'off' ELSE 'on' END, true);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION hune.unpacked_before(moment timestamptz) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE
    part record;
    filled boolean;
BEGIN
    PERFORM hune.see_loose_only(true);
    FOR part IN
        SELECT one.day, one.relation FROM hune.parts() AS one
        WHERE one.day + 1 <= (moment AT TIME ZONE 'UTC')::date ORDER BY 1
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', part.relation) INTO filled;
        IF filled THEN
            RETURN NEXT part.day;
        END IF;
    END LOOP;
    PERFORM hune.see_loose_only(false);
END $$;

ALTER FUNCTION hune.pack(date) RENAME TO pack_partition;
CREATE FUNCTION hune.pack_hypertable(of_day date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    part regclass;
    count bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    SELECT one.relation INTO STRICT part FROM hune.parts() AS one WHERE one.day = of_day;
    PERFORM hune.see_loose_only(true);
    EXECUTE format('SELECT count(*) FROM %s', part) INTO count;
    PERFORM hune.see_loose_only(false);
    EXECUTE format('SELECT %I.compress_chunk(%L)', hune.timescaledb(), part);
    -- What came late for it was never thinned.
    DELETE FROM hune.thinning WHERE thinning.day = of_day;
    RETURN count;
END $$;

-- Packs a day, or what came late for one that is packed; returns how many samples. Who writes to the day meanwhile waits.
CREATE FUNCTION hune.pack(day date) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN hune.timescaledb() IS NULL THEN hune.pack_partition(day) ELSE hune.pack_hypertable(day) END
$$;

ALTER FUNCTION hune.drop_before(timestamptz) RENAME TO drop_partitions;
CREATE FUNCTION hune.drop_chunks(moment timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    first date := (moment AT TIME ZONE 'UTC')::date;
    dropped integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    EXECUTE format(
        'SELECT count(*) FROM %I.drop_chunks(%L, older_than => %L::timestamptz)',
        hune.timescaledb(), 'hune.samples', first::timestamp AT TIME ZONE 'UTC'
    ) INTO dropped;
    DELETE FROM hune.thinning WHERE thinning.day < first;
    RETURN dropped;
END $$;

-- Returns how many days were dropped.
CREATE FUNCTION hune.drop_before(moment timestamptz) RETURNS integer LANGUAGE sql AS $$
    SELECT CASE WHEN hune.timescaledb() IS NULL THEN hune.drop_partitions(moment) ELSE hune.drop_chunks(moment) END
$$;

-- Has TimescaleDB itself drop what is older than so many days (NULL: nothing), also while no adapter runs.
CREATE FUNCTION hune.retain(days integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place name := hune.timescaledb();
    wanted interval := make_interval(days => days);
    present interval;
BEGIN
    IF place IS NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.policies', 0));
    EXECUTE $statement$
        SELECT (config->>'drop_after')::interval FROM timescaledb_information.jobs
        WHERE hypertable_schema = 'hune' AND hypertable_name = 'samples' AND proc_name = 'policy_retention'
    $statement$ INTO present;
    IF present IS DISTINCT FROM wanted THEN
        IF present IS NOT NULL THEN
            EXECUTE format('SELECT %I.remove_retention_policy(%L)', place, 'hune.samples');
        END IF;
        IF wanted IS NOT NULL THEN
            EXECUTE format('SELECT %I.add_retention_policy(%L, %L::interval)', place, 'hune.samples', wanted);
        END IF;
    END IF;
END $$;

-- Changes what a packed day has of some metrics; returns how many samples are gone.
CREATE FUNCTION hune.change_packed(day date, statement text, metrics text[], seconds integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    name text := 'chunks_' || to_char(day, 'YYYYMMDD');
    dropped bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    IF to_regclass('hune.' || name) IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format(statement, name) INTO dropped USING metrics, seconds;
    RETURN dropped;
END $$;

-- The same in a hypertable: of intervals of so many seconds the last sample stays and every stale marker, of none nothing.
-- Unpacked for that: what would be changed packed is limited, and differs from release to release.
CREATE FUNCTION hune.change_chunk(of_day date, names text[], seconds integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place name := hune.timescaledb();
    part regclass;
    numbers bigint[];
    found boolean := false;
    dropped bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.chunks', 0));
    SELECT one.relation INTO part FROM hune.parts() AS one WHERE one.day = of_day AND one.is_packed;
    SELECT array_agg(series.id) INTO numbers FROM hune.series
    WHERE series.metric = ANY (names) AND NOT EXISTS (
        SELECT FROM hune.thinning AS done
        WHERE done.day = of_day AND done.every >= seconds AND series.metric = ANY (done.metrics)
    );
    IF part IS NOT NULL AND numbers IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE series_id = ANY ($1))', part) INTO found USING numbers;
    END IF;
    IF NOT found THEN
        RETURN 0;
    END IF;
    EXECUTE format('SELECT %I.decompress_chunk(%L)', place, part);
    EXECUTE format($statement$
        DELETE FROM %1$s AS sample WHERE series_id = ANY ($1) AND ($2 IS NULL OR value IS NOT NULL AND EXISTS (
            SELECT FROM %1$s AS later
            WHERE later.series_id = sample.series_id AND later.time > sample.time AND later.value IS NOT NULL
              AND later.time < date_bin($2, sample.time, to_timestamp(0)) + $2
        ))
    $statement$, part) USING numbers, make_interval(secs => seconds);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    EXECUTE format('SELECT %I.compress_chunk(%L)', place, part);
    IF seconds IS NOT NULL THEN
        INSERT INTO hune.thinning AS done (day, every, metrics) VALUES (of_day, seconds, names)
        ON CONFLICT (day, every) DO UPDATE
        SET metrics = ARRAY(SELECT DISTINCT name FROM unnest(done.metrics || excluded.metrics) AS name);
    END IF;
    RETURN dropped;
END $$;

-- Drops what a day has of some metrics; returns how many samples.
CREATE OR REPLACE FUNCTION hune.forget(day date, metrics text[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN hune.timescaledb() IS NOT NULL THEN hune.change_chunk(day, metrics, NULL)
    ELSE hune.change_packed(day, $statement$
        WITH gone AS (
            DELETE FROM hune.%I AS chunk USING hune.series
            WHERE series.id = chunk.series_id AND series.metric = ANY ($1) RETURNING cardinality(chunk.gaps) AS count
        )
        SELECT coalesce(sum(count), 0) FROM gone
    $statement$, metrics, NULL) END
$$;

-- Thins what a day has of some metrics; returns how many samples are gone. Done again it changes nothing.
CREATE OR REPLACE FUNCTION hune.thin(day date, metrics text[], seconds integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT CASE WHEN hune.timescaledb() IS NOT NULL THEN hune.change_chunk(day, metrics, seconds)
    ELSE hune.change_packed(day, $statement$
        WITH made AS (
            SELECT chunk.series_id, cardinality(chunk.gaps) AS had, left_over.*
            FROM hune.%1$I AS chunk JOIN hune.series ON series.id = chunk.series_id,
                LATERAL hune.thinned(chunk.first, chunk.gaps, chunk.values, $2) AS left_over
            WHERE series.metric = ANY ($1) AND chunk.every < $2
        ), changed AS (
            UPDATE hune.%1$I AS chunk SET first = made.first, gaps = made.gaps, "values" = made.values, every = $2
            FROM made WHERE chunk.series_id = made.series_id RETURNING made.had - cardinality(made.gaps) AS count
        )
        SELECT coalesce(sum(count), 0) FROM changed
    $statement$, metrics, seconds) END
$$;

CREATE OR REPLACE FUNCTION hune.newest() RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
    part record;
    found timestamptz;
BEGIN
    FOR part IN SELECT * FROM hune.parts() ORDER BY day DESC LOOP
        IF part.is_packed AND hune.timescaledb() IS NOT NULL THEN
            EXECUTE format('SELECT max(time) FROM %s', part.relation) INTO found;
        ELSE
            EXECUTE format(
                'SELECT max(time) FROM %s WHERE ctid >= %L', part.relation, format('(%s,0)', greatest(
                    0, pg_relation_size(part.relation) / current_setting('block_size')::bigint - 1024
                ))
            ) INTO found;
        END IF;
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    RETURN found;
END $$;

-- What days take; in a hypertable everything is counted.
ALTER FUNCTION hune.day_sizes(boolean) RENAME TO partition_sizes;
CREATE FUNCTION hune.chunk_sizes()
RETURNS TABLE (day date, series bigint, samples bigint, packed_samples bigint, bytes bigint, packed_bytes bigint)
LANGUAGE plpgsql AS $$
DECLARE
    place name := hune.timescaledb();
    part regclass;
BEGIN
    FOR day, part IN SELECT one.day, one.relation FROM hune.parts() AS one ORDER BY 1 LOOP
        PERFORM hune.see_loose_only(true);
        EXECUTE format('SELECT count(*) FROM %s', part) INTO samples;
        PERFORM hune.see_loose_only(false);
        EXECUTE format('SELECT count(*) - $1, count(DISTINCT series_id) FROM %s', part)
        INTO packed_samples, series USING samples;
        bytes := pg_total_relation_size(part);
        EXECUTE format(
            'SELECT total_bytes - $1 FROM %I.chunks_detailed_size(%L) WHERE format(''%%I.%%I'', chunk_schema, chunk_name)'
            '::regclass = %L::regclass', place, 'hune.samples', part
        ) INTO packed_bytes USING bytes;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION hune.day_sizes(exact boolean DEFAULT false)
RETURNS TABLE (day date, series bigint, samples bigint, packed_samples bigint, bytes bigint, packed_bytes bigint)
LANGUAGE plpgsql AS $$
BEGIN
    IF hune.timescaledb() IS NULL THEN
        RETURN QUERY SELECT * FROM hune.partition_sizes(exact);
    ELSE
        RETURN QUERY SELECT * FROM hune.chunk_sizes();
    END IF;
END $$;

-- Brings samples into the form that the database has means for; done by each adapter when it starts. A store that has
-- samples stays what it is: a hypertable is made only of nothing.
CREATE FUNCTION hune.settle() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place name := hune.usable_timescaledb();
    is_partitioned boolean := (SELECT relkind = 'p' FROM pg_class WHERE oid = 'hune.samples'::regclass);
BEGIN
    IF NOT is_partitioned AND hune.timescaledb() IS NULL THEN
        -- The extension was dropped, and with it all that lay in its chunks: left is what was written since.
        ALTER TABLE hune.samples RENAME TO samples_left;
        CREATE TABLE hune.samples (LIKE hune.samples_left INCLUDING ALL) PARTITION BY RANGE (time);
        PERFORM hune.add_partition(day)
        FROM (SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM hune.samples_left) AS written;
        INSERT INTO hune.samples SELECT * FROM hune.samples_left;
        DROP TABLE hune.samples_left;
        ALTER TABLE hune.samples RENAME CONSTRAINT samples_pkey1 TO samples_pkey;
        DELETE FROM hune.thinning;
    ELSIF is_partitioned AND place IS NOT NULL AND NOT EXISTS (SELECT FROM hune.parts()) THEN
        LOCK TABLE hune.samples IN ACCESS EXCLUSIVE MODE;
        IF EXISTS (SELECT FROM hune.parts()) THEN
            RETURN;
        END IF;
        CREATE TABLE hune.samples_made (LIKE hune.samples INCLUDING ALL);
        DROP TABLE hune.samples;
        ALTER TABLE hune.samples_made RENAME TO samples;
        ALTER TABLE hune.samples RENAME CONSTRAINT samples_made_pkey TO samples_pkey;
        EXECUTE format(
            'SELECT %I.create_hypertable(%L, %L, chunk_time_interval => interval ''1 day'', create_default_indexes => false)',
            place, 'hune.samples', 'time'
        );
        ALTER TABLE hune.samples SET (
            timescaledb.compress, timescaledb.compress_segmentby = 'series_id', timescaledb.compress_orderby = 'time'
        );
        -- What comes late for a packed day is the adapters' to pack, who thin it too.
        EXECUTE format(
            'SELECT %1$I.alter_job(job, config => config || ''{"recompress": false}'') '
            'FROM %1$I.add_compression_policy(%2$L, compress_after => interval ''2 hours'') AS job '
            'JOIN timescaledb_information.jobs ON job_id = job', place, 'hune.samples'
        );
    END IF;
END $$;
