"""Stores with very many runs in them: one real run is copied row by row, which takes seconds where running it takes minutes."""

from __future__ import annotations

import apsw

DAY = 86_400_000


def multiply(path: str, run: str, count: int, *, shift: int = 0, due: int | None = None) -> None:
    """Copy the run `run` in the store at `path` `count` times; all times are moved by `shift` ms, timers set to `due`."""
    connection = apsw.Connection(path)
    connection.execute("PRAGMA synchronous = OFF")
    names = {
        table: [column[1] for column in connection.execute(f"PRAGMA table_info({table})") if column[1] != "seq"]
        for table in ("runs", "parts", "timers", "waits")
    }
    names["journal"] = [column[1] for column in connection.execute("PRAGMA table_info(journal)")]
    changed = {
        "run": "printf('%012x', 17 + n)",
        "started": f"started + {shift}",
        "ended": f"ended + {shift}",
        "value": "value || n",
        "due": "due" if due is None else str(due),
    }
    with connection:
        connection.execute("CREATE TEMP TABLE numbers(n INTEGER PRIMARY KEY)")
        connection.execute(
            "INSERT INTO numbers WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c",
            (count,),
        )
        for table, columns in names.items():
            made = ", ".join(changed.get(column, column) for column in columns)
            connection.execute(
                f"INSERT INTO {table}({', '.join(columns)}) SELECT {made} FROM numbers, {table} WHERE run = ? ORDER BY n",
                (run,),
            )
    connection.close()
