-- How hot nodes were while they had much to do: two metrics side by side
SELECT load.time, load.labels->>'instance' AS instance, load.average AS load1, heat.celsius
FROM hune.buckets('node_load1', '5 minutes', now() - interval '1 day') AS load
JOIN (
    SELECT time, labels->>'instance' AS instance, max(highest) AS celsius
    FROM hune.buckets('node_hwmon_temp_celsius', '5 minutes', now() - interval '1 day')
    GROUP BY 1, 2
) AS heat ON heat.time = load.time AND heat.instance = load.labels->>'instance'
WHERE load.average > 1
ORDER BY 1, 2;
