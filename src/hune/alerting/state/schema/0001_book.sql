-- The book and the outbox.

CREATE TABLE episode (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('firing', 'unknown', 'resolved')),
    starts_at REAL NOT NULL,
    received_at REAL NOT NULL,
    heard_at REAL NOT NULL,
    expires_at REAL,
    claimed_at REAL,
    doubted_at REAL,
    resolved_at REAL,
    ending TEXT,
    value REAL,
    peak REAL
);
CREATE INDEX episode_open ON episode (fingerprint) WHERE state <> 'resolved';
CREATE INDEX episode_known ON episode (fingerprint, starts_at);
CREATE INDEX episode_over ON episode (resolved_at) WHERE state = 'resolved';

-- One row an episode and receiver: it waits as long as what was told differs from what is wanted.
CREATE TABLE delivery (
    episode INTEGER NOT NULL REFERENCES episode (id) ON DELETE CASCADE,
    receiver TEXT NOT NULL,
    wanted TEXT NOT NULL CHECK (wanted IN ('firing', 'resolved')),
    told TEXT,
    queued_at REAL NOT NULL,
    -- The lease: what is being told right now.
    sending TEXT,
    at REAL,
    message TEXT,
    -- What the message of its own shows; it is edited until it shows what was told.
    shown TEXT,
    digest INTEGER,
    problem TEXT NOT NULL DEFAULT '',
    -- 0, or why it isn't tried like the others: `episode.Dead`.
    dead INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (episode, receiver)
) WITHOUT ROWID;
CREATE INDEX delivery_waiting ON delivery (receiver, queued_at) WHERE told IS NOT wanted;
CREATE INDEX delivery_outdated ON delivery (receiver) WHERE message IS NOT NULL AND shown IS NOT told;

CREATE TABLE digest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    created_at REAL NOT NULL,
    sent_at REAL
);
CREATE INDEX digest_open ON digest (receiver) WHERE sent_at IS NULL;
CREATE TABLE digest_item (
    digest INTEGER NOT NULL REFERENCES digest (id) ON DELETE CASCADE,
    episode INTEGER NOT NULL REFERENCES episode (id) ON DELETE CASCADE,
    -- What the receiver knew before, and what it was told.
    known TEXT,
    told TEXT NOT NULL,
    PRIMARY KEY (digest, episode)
) WITHOUT ROWID;
CREATE INDEX digest_item_episode ON digest_item (episode);

CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at REAL NOT NULL);
