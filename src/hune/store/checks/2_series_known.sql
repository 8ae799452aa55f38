-- Every sample belongs to a series
SELECT format('series %s isn''t there, but has samples', series_id)
FROM (SELECT DISTINCT series_id FROM hune.samples UNION SELECT DISTINCT series_id FROM hune.chunks) AS used
WHERE NOT EXISTS (SELECT FROM hune.series WHERE id = used.series_id)
