-- What comes late for a packed day is compared with what is packed
SELECT format('%s has no trigger', day)
FROM (
    SELECT hune.day_of(child.relname) AS day, to_regclass('hune.samples_' || right(child.relname, 8)) AS loose
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'hune.chunks'::regclass
) AS packed
WHERE loose IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_trigger WHERE tgrelid = loose AND tgname = 'skip_packed' AND tgenabled = 'O'
)
