-- Days that may have samples.
CREATE FUNCTION hune.days() RETURNS SETOF date LANGUAGE sql STABLE AS $$
    SELECT DISTINCT hune.day_of(child.relname)
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent IN ('hune.samples'::regclass, 'hune.chunks'::regclass)
$$;

-- Few if any; remote read looks at each of them.
CREATE INDEX series_exact ON hune.series (id) WHERE exact IS NOT NULL;
