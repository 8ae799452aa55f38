-- Who is to be heard from, when that last was (0: never), and for how many seconds of listening not since.
-- The name '' is the Watchdog's: there is a row once it was heard.
CREATE TABLE heard (
    name TEXT PRIMARY KEY,
    at REAL NOT NULL,
    silence REAL NOT NULL
) WITHOUT ROWID;
