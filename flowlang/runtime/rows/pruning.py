"""What is over for long goes: runs with all that belongs to them, and events that were given up."""

from __future__ import annotations

from flowlang.runtime.rows.connection import Connection

_OF_RUNS = ("journal", "parts", "work", "timers", "waits", "outbox", "taken", "runs")


class Pruning(Connection):
    """Whatever nobody can need any more."""

    def prune(self, before: int, after: int, limit: int) -> tuple[int, int]:
        """Look at up to `limit` runs behind the `after`-th, in the order in which they began; those that ended before
        `before` (ms) go, with everything of them. A run is left of which a service is not done yet, or something is on its
        way. Returns the number of the last run that was looked at, or 0 where there are no more, and how many went."""
        found = self._fresh(
            "SELECT seq, run, status <> 'open' AND ended < ? FROM runs WHERE seq > ? AND started < ? ORDER BY seq LIMIT ?",
            (before, after, before, limit),
        )
        gone = [(run,) for _, run, is_over in found if is_over and not self._is_needed(run)]
        for table in _OF_RUNS:
            self._many(f"DELETE FROM {table} WHERE run = ?", gone)
        return (found[-1][0] if found else 0), len(gone)

    def prune_events(self, before: int, limit: int) -> int:
        """Forget up to `limit` events that were given up before `before`: should one of them come again, it is new."""
        found = self._all(
            "SELECT seq, id FROM events WHERE body = '' AND until < ? ORDER BY seq LIMIT ?", (before, limit)
        )
        for seq, id in found:
            self._run("DELETE FROM events WHERE seq = ?", (seq,))
            self._run("DELETE FROM taken WHERE event = ?", (id,))
        return len(found)

    def _is_needed(self, run: str) -> bool:
        return bool(
            self._all("SELECT 1 FROM parts WHERE run = ? AND status IN ('open', 'stuck')", (run,))
            or self._all("SELECT 1 FROM outbox WHERE run = ? AND sent = 0", (run,))
            or self._all("SELECT 1 FROM bus WHERE run = ?", (run,))
        )
