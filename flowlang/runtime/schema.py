"""The tables of a store, in one text.

`role` is in every key of what belongs to a part of a run: services share the file, never a row. `journal` is the truth;
`timers`, `waits` and `outbox` are what follows from it and must be found without reading it; `work` says of calls what it
can't tell. A part that is `asleep` surely has no call under way, so whoever goes on with a store need not read its journal.
`taken` is apart from `events` because an event to all is used by many. An input is taken in once by its id, which whoever
drives a part holds in memory; two who drive one part would write one `seq` twice.

`journal` grows at its end, whatever part an input is of, so that a turn of many runs writes few pages. Stores in which its rows
lie in the order of their parts are read and written alike.
"""

from __future__ import annotations

APPLICATION = 0x666C6F77  # "flow"
VERSION = 3

SCHEMA = """
CREATE TABLE flows(seq INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, mode TEXT NOT NULL, name TEXT NOT NULL,
    owner TEXT NOT NULL, gate TEXT NOT NULL, options TEXT NOT NULL, UNIQUE(hash, mode)) STRICT;
CREATE TABLE shares(hash TEXT, mode TEXT, role TEXT, body TEXT NOT NULL, PRIMARY KEY(hash, mode, role))
    STRICT, WITHOUT ROWID;
CREATE TABLE types(type TEXT PRIMARY KEY, keep INTEGER NOT NULL, whom TEXT NOT NULL, schema TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE listeners(type TEXT, role TEXT, PRIMARY KEY(type, role)) STRICT, WITHOUT ROWID;
CREATE TABLE fields(type TEXT, field TEXT, PRIMARY KEY(type, field)) STRICT, WITHOUT ROWID;

CREATE TABLE runs(seq INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, flow TEXT NOT NULL,
    hash TEXT NOT NULL, mode TEXT NOT NULL, owner TEXT NOT NULL, key TEXT, input TEXT NOT NULL, status TEXT NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, options TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX runs_key ON runs(flow, mode, key) WHERE key IS NOT NULL AND status IN ('open', 'completed');
CREATE INDEX runs_open ON runs(status) WHERE status = 'open';

CREATE TABLE parts(role TEXT, run TEXT, hash TEXT NOT NULL, mode TEXT NOT NULL, started INTEGER NOT NULL,
    status TEXT NOT NULL, dropped INTEGER NOT NULL, asleep INTEGER NOT NULL, PRIMARY KEY(run, role)) STRICT, WITHOUT ROWID;
CREATE INDEX parts_awake ON parts(role, run) WHERE asleep = 0 AND status IN ('open', 'stuck');
CREATE INDEX parts_stuck ON parts(run) WHERE status = 'stuck';
CREATE TABLE journal(role TEXT NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
    body TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX journal_part ON journal(run, role, seq);

CREATE TABLE work(role TEXT NOT NULL, run TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL, call TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, answered INTEGER NOT NULL, spent INTEGER NOT NULL,
    closed TEXT NOT NULL, last TEXT NOT NULL, due INTEGER NOT NULL, halted INTEGER NOT NULL, round INTEGER NOT NULL,
    created INTEGER NOT NULL, begun INTEGER, ended INTEGER, UNIQUE(run, role, path, kind)) STRICT;

CREATE TABLE timers(role TEXT, run TEXT, path TEXT, due INTEGER NOT NULL, PRIMARY KEY(run, role, path))
    STRICT, WITHOUT ROWID;
CREATE INDEX timers_role ON timers(role);

CREATE TABLE waits(seq INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT NOT NULL, run TEXT NOT NULL, path TEXT NOT NULL,
    type TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, armed INTEGER NOT NULL) STRICT;
CREATE INDEX waits_run ON waits(run, role, path);
CREATE INDEX waits_value ON waits(role, type, field, value);

CREATE TABLE events(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    body TEXT NOT NULL, arrived INTEGER NOT NULL, until INTEGER NOT NULL, whom TEXT NOT NULL) STRICT;
CREATE INDEX events_until ON events(until) WHERE body <> '';
CREATE INDEX events_type ON events(type) WHERE body <> '';
CREATE TABLE event_keys(type TEXT, field TEXT, value TEXT, event INTEGER, PRIMARY KEY(type, field, value, event))
    STRICT, WITHOUT ROWID;
CREATE INDEX event_keys_event ON event_keys(event);
CREATE TABLE taken(event TEXT, run TEXT, started INTEGER NOT NULL, PRIMARY KEY(event, run)) STRICT, WITHOUT ROWID;
CREATE INDEX taken_run ON taken(run);

CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT NOT NULL, id TEXT NOT NULL, run TEXT NOT NULL,
    hash TEXT NOT NULL, recipient TEXT NOT NULL, body TEXT NOT NULL, sent INTEGER NOT NULL DEFAULT 0,
    UNIQUE(role, id, recipient)) STRICT;
CREATE INDEX outbox_unsent ON outbox(role) WHERE sent = 0;
CREATE INDEX outbox_run ON outbox(run);
CREATE TABLE bus(seq INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT NOT NULL, id TEXT NOT NULL, run TEXT NOT NULL,
    hash TEXT NOT NULL, body TEXT NOT NULL, parked TEXT NOT NULL DEFAULT '') STRICT;
CREATE INDEX bus_role ON bus(role, seq);

CREATE TABLE mailbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, word TEXT NOT NULL,
    body TEXT NOT NULL, answer TEXT) STRICT;
CREATE TABLE dead(id INTEGER PRIMARY KEY AUTOINCREMENT, role TEXT NOT NULL, run TEXT NOT NULL, hash TEXT NOT NULL,
    at INTEGER NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL) STRICT;
"""
