-- The hottest sensors now
SELECT labels->>'instance' AS instance, labels->>'sensor' AS sensor, value AS celsius, time
FROM hune.latest('node_hwmon_temp_celsius')
ORDER BY value DESC LIMIT 10;
