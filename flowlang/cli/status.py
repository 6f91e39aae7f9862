"""How a command ends: the exit statuses, the same for every command, and the one way to end early."""

from __future__ import annotations

DONE = 0
FINDINGS = 1  # also: an expectation that was not met, a file that `fmt --check` would change
USAGE = 2
FAILED = 3  # the run failed, and everything is undone
CANCELLED = 4
STUCK = 5
WAITS = 6
UNREACHABLE = 69  # a store or a broker; also standard output, when its disk is full
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141  # whoever reads our output has gone, as a shell reports it


class Drained(Exception):
    """The process was asked to end (SIGTERM), and has done so in order: nothing new was begun, and what was under way is
    recorded. Its status is 0, as whoever runs services expects."""


class Stop(Exception):
    """End the command with `status` and say `message` on stderr: for what the user can put right."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
