-- No sample is packed and unpacked at once
SELECT format('series %s at %s', sample.series_id, sample.time)
FROM hune.samples AS sample
JOIN hune.chunks AS chunk
    ON chunk.series_id = sample.series_id AND chunk.day = (sample.time AT TIME ZONE 'UTC')::date
WHERE EXISTS (
    SELECT FROM hune.unpack(chunk.first, chunk.gaps, chunk.values) AS one WHERE one.time = sample.time
)
