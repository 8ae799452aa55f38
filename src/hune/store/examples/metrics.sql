-- Which metrics there are, with how many series each, and what their exporters say of them
SELECT series.metric, count(*) AS series, metadata.kind, metadata.unit, metadata.help
FROM hune.series LEFT JOIN hune.metadata USING (metric)
GROUP BY series.metric, metadata.kind, metadata.unit, metadata.help
ORDER BY 2 DESC LIMIT 20;
