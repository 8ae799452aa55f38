-- Every sample of some series, beside metric and labels; NULL where a series ended
SELECT time, metric, labels, value
FROM hune.between(now() - interval '10 minutes', now())
WHERE metric = 'up' AND labels @> '{"job": "node"}'
ORDER BY time;
