-- Series, their samples, and what is known of metrics.

CREATE TABLE hune.series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint uuid NOT NULL UNIQUE,
    metric text NOT NULL,
    labels jsonb NOT NULL,
    exact bytea
);
-- Hashed, since names may be longer than what a tree takes.
CREATE INDEX series_metric ON hune.series USING hash (metric);
CREATE INDEX series_labels ON hune.series USING gin (labels jsonb_path_ops);
COMMENT ON TABLE hune.series IS 'Every series that ever had a sample.';
COMMENT ON COLUMN hune.series.metric IS 'The label __name__, empty where there is none.';
COMMENT ON COLUMN hune.series.labels IS 'All labels but __name__.';
COMMENT ON COLUMN hune.series.exact IS 'The labels as bytes, only where they hold U+0000, which text cannot: labels has U+FFFD there.';

CREATE TABLE hune.samples (
    time timestamptz NOT NULL,
    value double precision,
    series_id bigint NOT NULL,
    PRIMARY KEY (series_id, time)
) PARTITION BY RANGE (time);
COMMENT ON TABLE hune.samples IS 'Samples of series, a partition for each day (UTC).';
COMMENT ON COLUMN hune.samples.value IS 'NULL says that the series ended here (a stale marker).';

CREATE TABLE hune.metadata (
    metric text PRIMARY KEY,
    kind text NOT NULL,
    help text NOT NULL,
    unit text NOT NULL
);
COMMENT ON TABLE hune.metadata IS 'What exporters say of their metrics.';

-- One at a time: two adapters may meet the first sample of a day together. Attached instead of created in place, which
-- would have to wait for every reader.
CREATE FUNCTION hune.make_partition(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'samples_' || to_char(day, 'YYYYMMDD');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.samples', 0));
    IF to_regclass('hune.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE hune.%I (LIKE hune.samples INCLUDING ALL)', name);
        EXECUTE format(
            'ALTER TABLE hune.samples ATTACH PARTITION hune.%I FOR VALUES FROM (%L) TO (%L)',
            name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
        );
    END IF;
END $$;

-- Returns how many days were dropped.
CREATE FUNCTION hune.drop_before(moment timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('hune.samples', 0));
    FOR name IN
        SELECT child.relname
        FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'hune.samples'::regclass
          AND child.relname < 'samples_' || to_char(moment AT TIME ZONE 'UTC', 'YYYYMMDD')
        ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE hune.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

-- Samples as people read them.
CREATE VIEW hune.readable AS
SELECT samples.time, samples.value, series.metric, series.labels, samples.series_id
FROM hune.samples JOIN hune.series ON series.id = samples.series_id;
