-- What is never told (discarded, withheld) doesn't wait: `schema.WAITING`.
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (receiver, queued_at) WHERE (told IS NOT wanted OR again > 0) AND dead < 3;
