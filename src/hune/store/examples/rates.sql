-- Bytes per second that came in on each port of one node, by minute of the last hour
SELECT time, labels->>'device' AS device, per_second AS bytes_per_second
FROM hune.rates('node_network_receive_bytes_total', '1 minute', now() - interval '1 hour',
                matching => '{"instance": "192.0.2.11:9100"}')
ORDER BY 1, 2;
