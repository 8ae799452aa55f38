-- The highest temperature of each node in each five minutes of the last six hours
SELECT time, labels->>'instance' AS instance, max(highest) AS celsius
FROM hune.buckets('node_hwmon_temp_celsius', '5 minutes', now() - interval '6 hours')
GROUP BY 1, 2 ORDER BY 1, 2;
