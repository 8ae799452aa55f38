-- What people do about alerts, when nobody is told, and what became of each alert.

-- Why nobody is told of it now (JSON, `care.Hold`s: silences, maintenance); empty: people are told.
ALTER TABLE episode ADD COLUMN held TEXT NOT NULL DEFAULT '';
CREATE INDEX episode_held ON episode (id) WHERE held <> '';

-- Not before this moment (a receiver's hours); 0: at once.
ALTER TABLE delivery ADD COLUMN due_at REAL NOT NULL DEFAULT 0;
-- Why it is to be told once more though nothing changed: `episode.Again`; 0: it isn't.
ALTER TABLE delivery ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
-- 0: named by the routes; n: by the n-th step of escalation.
ALTER TABLE delivery ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
-- Used only by queries that say the same in the same words: `schema.WAITING`.
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (receiver, queued_at) WHERE (told IS NOT wanted OR again > 0);

-- Who looks after an episode: acknowledged (until IS NULL) or snoozed.
CREATE TABLE care (
    episode INTEGER PRIMARY KEY REFERENCES episode (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    until REAL,
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX care_until ON care (until) WHERE until IS NOT NULL;

-- What happened to an episode, in order: `history.Kind`.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episode (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    receiver TEXT NOT NULL DEFAULT '',
    by TEXT NOT NULL DEFAULT '',
    -- JSON, an object; empty: there is nothing to add.
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX event_episode ON event (episode);

-- Maintenance that people declare beside the site file's windows.
CREATE TABLE maintenance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- JSON: {"nodes": [...], "groups": [...], "clusters": [...], "probes": [...]}; all empty: the whole site.
    scope TEXT NOT NULL,
    begins REAL NOT NULL,
    ends REAL NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL
);
