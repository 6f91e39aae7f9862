"""`flowlang fmt FILE...`: the one layout. A file with a mistake in its form is left as it is."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from flowlang.check import render
from flowlang.cli.files import STDIN, opened
from flowlang.cli.screen import colour, data, talk, to_stdout
from flowlang.cli.status import DONE, FINDINGS, USAGE, Stop
from flowlang.diagnostic import Diagnostic
from flowlang.language import parse
from flowlang.language.format import NotFormatted, format_source
from flowlang.source import Source


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", "only_check", is_flag=True, help="Change nothing; name the files that are not laid out.")
def fmt(files: Sequence[str], only_check: bool) -> int:
    """Lay flows out in the one layout; comments stay. A YAML file with `#` comments is refused: they have no place in that
    layout. `-` reads stdin and writes stdout.

    With --check it ends with 1 when a file is not laid out.
    """
    status = DONE
    for name in dict.fromkeys(files):
        source = opened(name)
        found = [source] if isinstance(source, Diagnostic) else _mistakes(source)
        if isinstance(source, Diagnostic) or found:
            data(render.text(found, colour=colour(sys.stdout)))
            status = FINDINGS
            continue
        try:
            laid_out = format_source(source)
        except NotFormatted as problem:
            raise Stop(USAGE, f"{name}: {problem}") from None
        if only_check:
            if laid_out != source.text:
                data(name)
                status = FINDINGS
        elif name == STDIN:
            with to_stdout() as stdout:
                stdout.write(laid_out)
        elif laid_out != source.text:
            _replace(name, laid_out)
            talk(f"laid out {name}")
    return status


def _mistakes(source: Source) -> list[Diagnostic]:
    return [one for one in parse(source)[1] if one.severity == "error"]


def _replace(name: str, text: str) -> None:
    """Put `text` in the place of the file in one move, so that a crash leaves the old or the new one, never half of it."""
    target = Path(os.path.realpath(name))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
