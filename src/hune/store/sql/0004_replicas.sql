-- Of each cluster of senders that say the same the one that is believed.
CREATE TABLE hune.leader (
    key uuid PRIMARY KEY,
    cluster text NOT NULL,
    replica text NOT NULL,
    seen timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE hune.leader IS 'Of each cluster of senders (labels cluster and __replica__) the one whose samples are stored.';
COMMENT ON COLUMN hune.leader.key IS 'BLAKE2b of the cluster''s name, which may be longer than what a tree takes.';
