-- Every chunk is in order, and lies within its day
SELECT format('series %s on %s', series_id, day)
FROM hune.chunks
WHERE cardinality(gaps) IS DISTINCT FROM cardinality("values") OR gaps[1] IS DISTINCT FROM 0
    OR 1 <> (SELECT count(*) FROM unnest(gaps) AS gap WHERE gap <= 0)
    OR first < day::timestamp AT TIME ZONE 'UTC'
    OR first + (SELECT sum(gap) FROM unnest(gaps) AS gap) * interval '1 millisecond'
        >= (day + 1)::timestamp AT TIME ZONE 'UTC'
