"""The command `flowlang`: a table of commands, each loaded when it is called, and what happens when one breaks.

`flowlang check` runs on every save of a file, so nothing is imported here that it does not need.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from flowlang.cli.screen import data, flush, forget, talk
from flowlang.cli.status import BROKEN_PIPE, BUG, DONE, INTERRUPTED, UNREACHABLE, USAGE, Drained, Stop

COMMANDS = {
    "check": ("flowlang.cli.check:check", "Find the mistakes in flows and their contracts."),
    "fmt": ("flowlang.cli.fmt:fmt", "Lay flows out in the one layout; comments stay."),
    "convert": ("flowlang.cli.convert:convert", "Turn a flow's text into YAML, or YAML into text."),
    "explain": ("flowlang.cli.explain:explain", "Explain a code: cause, example, repair."),
    "graph": ("flowlang.cli.graph:graph", "Draw a flow."),
    "plan": ("flowlang.cli.plan:plan", "Show who hears, does and says what in a choreography."),
    "compare": ("flowlang.cli.compare:compare", "Compare the two modes of a flow in figures."),
    "diff": ("flowlang.cli.diff:diff", "Say what changed between two versions of a flow, and what breaks."),
    "verify": ("flowlang.cli.verify:verify_command", "Verify that both modes agree on a flow and nothing is lost."),
    "compile": ("flowlang.cli.compile:compile", "Print a flow's kernel, or one table for each service."),
    "run": ("flowlang.cli.run:run", "Run a flow in one of the two modes."),
    "resume": ("flowlang.cli.resume:resume", "Go on with runs that were interrupted."),
    "runs": ("flowlang.cli.show:runs", "List the runs of a store."),
    "show": ("flowlang.cli.show:show", "Show a run: each step, its state, and why it waits."),
    "send": ("flowlang.cli.operate:send", "Send an event to the runs that wait for it."),
    "cancel": ("flowlang.cli.operate:cancel", "Cancel a run: everything done is undone."),
    "resolve": ("flowlang.cli.operate:resolve", "Say how a stuck step goes on."),
    "prune": ("flowlang.cli.prune:prune", "Take runs that ended long ago out of a store."),
    "dead": ("flowlang.cli.operate:dead", "List dead letters, or replay one."),
}


class ReaderGone(Exception):
    """Nobody reads our stdout any more."""


class Commands(click.Group):
    """The table as a group of commands; the list of commands is printed without loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of the table, which is the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        if not any(parameter.name == "debug" for parameter in command.params):
            command.params.append(_debug_option(hidden=True))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the name that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from flowlang.diagnostic import nearest

            near = nearest(args[0], list(COMMANDS))
            meant = f" Did you mean `{near}`?" if near else " `flowlang --help` lists the commands."
            raise click.UsageError(f"there is no command `{args[0]}`.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, but a reader of our output that has gone is told apart from a finding (click ends with 1)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table as it stands above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


DEBUG = "FLOWLANG_DEBUG"
"""The environment variable that does what `--debug` does. The option sets it, so that service processes know it too."""


def _debug_option(*, hidden: bool) -> click.Option:
    def remember(_ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:  # the option may stand before or after the command's name
            os.environ[DEBUG] = "1"

    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        hidden=hidden,
        callback=remember,
        help="Show the traceback of an error inside flowlang.",
    )


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import version

        data(f"flowlang {version('flowlang')}")
        ctx.exit()


group = Commands(
    name="flowlang",
    help="One flow of services: check it, draw it, run it under one engine or as a choreography.",
    params=[
        _debug_option(hidden=False),
        click.Option(
            ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version."
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)


DEEPEST = 5000
"""Frames: the phases walk a flow recursively, up to 64 brackets and 50 early returns deep, some 20 frames for each."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; never lets an exception out, so never shows a traceback unasked."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEEPEST))
    sys.stdout = sys.stdout or io.StringIO()  # closed by whoever started us: nobody reads it
    sys.stderr = sys.stderr or io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files may hold what the terminal's encoding cannot show
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if arguments is None else arguments
    for word in arguments:
        if any("\ud800" <= char <= "\udfff" for char in word):  # bytes that are no UTF-8 come as lone surrogates
            talk(f"error: the argument `{word}` is no UTF-8 text")
            return USAGE
    try:
        return _run(arguments)
    except (ReaderGone, BrokenPipeError):
        forget(sys.stdout)
        return BROKEN_PIPE
    except (KeyboardInterrupt, Exception) as error:
        return _ended(error)


def _run(arguments: Sequence[str]) -> int:
    """The exit status of the command, after all that it has said got to where it should."""
    try:
        status = _status(group.main(arguments, prog_name="flowlang", standalone_mode=False))
    except SystemExit as ended:  # how a command ends from somewhere deep inside
        status = _status(ended.code)
    flush()
    return status


def _status(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else DONE


def _ended(error: KeyboardInterrupt | Exception) -> int:
    """Say why a command ended early; the status that tells the reason."""
    try:
        flush()
    except Stop as lost:  # whatever else happened, what was said before it is not there
        error = lost
    match error:
        case KeyboardInterrupt() | click.Abort():
            talk("interrupted")
            return INTERRUPTED
        case Drained():
            talk("ended as asked: what was under way is recorded, and `flowlang resume` goes on")
            return DONE
        case click.exceptions.NoArgsIsHelpError():
            talk(error.format_message())
            return USAGE
        case click.UsageError():
            usage = error.ctx.get_usage() + "\n" if error.ctx else ""
            talk(f"{usage}error: {error.format_message()}")
            return USAGE
        case click.ClickException():
            talk(f"error: {error.format_message()}")
            return USAGE
        case Stop():
            talk(f"error: {error.message}")
            return error.status
        case OSError() if error.filename is not None:
            talk(f"error: {error.filename}: {(error.strerror or str(error)).lower()}")
            return UNREACHABLE
        case OSError() if error.errno in NO_ROOM:  # click writes its help itself
            talk(f"error: what this command writes has no room: {os.strerror(error.errno).lower()}")
            return UNREACHABLE
        case _:
            return _bug(error)


def _bug(error: BaseException) -> int:
    """A short report that a maintainer can use, and no traceback unless it was asked for."""
    import platform
    import traceback
    from importlib.metadata import PackageNotFoundError, version

    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}flowlang{os.sep}" in frame.filename] or list(frames)
    place = f"{'/'.join(ours[-1].filename.split(os.sep)[-2:])}:{ours[-1].lineno}" if ours else "an unknown place"
    try:
        release = version("flowlang")
    except PackageNotFoundError:
        release = "of a checkout"
    said = str(error).split("\n")[0][:200]
    talk(
        f"error: flowlang has made a mistake: this is a bug, and not your fault\n"
        f"   --> {place}: {type(error).__name__}{': ' + said if said else ''}\n"
        f"   = note: flowlang {release}, Python {platform.python_version()}, {platform.system()}\n"
        f"   = help: please report it with the command and its files; `--debug` shows the traceback"
    )
    return BUG


if __name__ == "__main__":
    sys.exit(main())
