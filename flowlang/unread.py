"""Why a file was not read: the words for files that a command, a `use` or a `$ref` names."""

from __future__ import annotations

from dataclasses import dataclass

from flowlang.diagnostic import Diagnostic

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that are read. A flow of 10,000 lines takes half a megabyte."""

_FLOW = """use contracts "contracts/*.yaml"

flow example(order: Order) {
  step place = orders.place(order)
}
"""
_GOOD = _FLOW
_WITH_FLOW = _FLOW.replace("\n\n", '\nuse flows "flows/*.flow"\n\n', 1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no text: `missing`, `folder`, `unreadable` or `outside`, and the same as part of a sentence."""

    kind: str
    why: str


class NoFile(Diagnostic):
    """A file named on the command line does not exist."""

    code = "FL0191"
    message = "there is no file `{file}`"
    explanation = (
        "The command names a file that does not exist. Paths are relative to the folder in which the command runs."
    )

    file: str


class NotAFile(Diagnostic):
    """A folder stands where a file is wanted."""

    code = "FL0192"
    message = "`{file}` is a folder, not a flow"
    help = "name the files in it: `{file}/*.flow`"
    explanation = (
        "The command wants the flow itself. Let the shell name all flows of a folder: `flowlang check flows/*.flow`."
    )

    file: str


class Unreadable(Diagnostic):
    """The operating system refuses to read a file."""

    code = "FL0193"
    message = "`{file}` cannot be read: {why}"
    explanation = "The operating system refused to open or read the file; the message gives its reason."

    file: str
    why: str


class FlowUnread(Diagnostic):
    """A file that `use flows` matches cannot be read."""

    code = "FL0194"
    message = "the flow `{file}` cannot be read: {why}"
    explanation = (
        "The pattern of `use flows` matches this file, but it could not be read; the message gives the reason. A pattern may "
        "match a folder, for example: then it should say which files in it are meant."
    )
    bad = _WITH_FLOW.replace("flows/*.flow", "flows")
    good = _WITH_FLOW

    file: str
    why: str


class NothingMatches(Diagnostic):
    """`use` names no file that exists."""

    code = "FL0195"
    message = "no file matches `{pattern}`"
    note = "patterns are relative to the flow's own folder, {folder}"
    explanation = (
        "`use contracts` and `use flows` take paths and patterns relative to the folder of the flow: `*` stands for any name "
        "and `**` for folders at any depth. This one matches no file, so there is nothing behind it."
    )
    bad = _FLOW.replace("contracts/", "contract/")
    good = _GOOD

    pattern: str
    folder: str


class OutsideProject(Diagnostic):
    """`use` leads out of the project."""

    code = "FL0196"
    message = "`{pattern}` leads out of the project"
    note = "the project is {project}: the nearest folder at or above the flow with `.git`, `pyproject.toml` or `flowlang.toml`"
    help = "copy the file into the project, or put a `flowlang.toml` where the project begins"
    explanation = (
        "A flow reads the files of its own project and no others, so that checking a flow of somebody else cannot look "
        "around in your files. The project is the nearest folder at or above the flow that holds `.git`, `pyproject.toml` "
        "or `flowlang.toml`; without one, it is the folder of the flow."
    )
    bad = _FLOW.replace('"contracts/', '"/srv/contracts/')
    good = _GOOD

    pattern: str
    project: str


class ContractUnread(Diagnostic):
    """A file that `use contracts` matches cannot be read."""

    code = "FL0197"
    message = "the contract `{file}` cannot be read: {why}"
    explanation = (
        "The pattern of `use contracts` matches this file, but it could not be read; the message gives the reason. A pattern "
        "may match a folder, for example: then it should say which files in it are meant."
    )
    bad = _FLOW.replace("contracts/*.yaml", "contracts")
    good = _GOOD

    file: str
    why: str
