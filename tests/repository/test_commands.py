"""The command itself: how each way of using it ends, where its words go, and what it reads and writes."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import jsonschema
import pytest
import yaml

from flowlang.cli import main as program
from flowlang.cli.main import main
from tests.repository.command import ROOT, environment, flowlang

EXAMPLES = ROOT / "specs" / "examples"
FLOWS = sorted(EXAMPLES.glob("*/*.flow"))
WRONG = "order.totl"


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The order example as a project of its own, and the folder in which the commands run."""
    shutil.copytree(EXAMPLES / "order", tmp_path / "order")
    (tmp_path / "order" / "flowlang.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "order" / "order.flow"


def spoil(flow: Path, old: str = "order.total > 1000", new: str = f"{WRONG} > 1000") -> None:
    text = flow.read_text(encoding="utf-8")
    assert old in text
    flow.write_text(text.replace(old, new), encoding="utf-8")


# ---------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    "arguments", [["chek"], ["check"], ["check", "--format", "xml", "a"], ["--nothing"], ["explain", "FL9999"], []]
)
def test_a_wrong_command_line_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err


def test_a_misspelt_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["chek"])
    assert "Did you mean `check`?" in capsys.readouterr().err


@pytest.mark.parametrize("name", program.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: flowlang {name}")


def _broken(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def broken() -> None:
        raise error

    monkeypatch.setitem(program.COMMANDS, "broken", ("broken_for_a_test:broken", ""))
    monkeypatch.setitem(sys.modules, "broken_for_a_test", SimpleNamespace(broken=broken))  # type: ignore[misc]


@pytest.mark.parametrize("error", [AssertionError("no such cell"), RecursionError("too deep"), KeyError("a")])
def test_a_bug_of_ours_is_70_with_a_report(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(error, monkeypatch)
    assert main(["broken"]) == 70
    said = capsys.readouterr()
    assert type(error).__name__ in said.err and "report" in said.err and "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["--debug", "broken"], ["broken", "--debug"]])
def test_debug_shows_the_traceback(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(AssertionError("no such cell"), monkeypatch)
    monkeypatch.setenv("FLOWLANG_DEBUG", "")  # so that it is restored
    assert main(arguments) == 70
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _broken(KeyboardInterrupt(), monkeypatch)
    assert main(["broken"]) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_reader_that_has_gone_is_no_bug(order: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "flowlang", "graph", str(order)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment())
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "words", [["plan"], ["graph"], ["graph", "--format", "svg"], ["fmt", "-"], ["--version"], ["explain", "FL0302"]]
)
def test_an_output_that_takes_no_more_is_no_bug(order: Path, words: list[str]) -> None:
    given = [str(order)] if words[0] in ("plan", "graph") else []
    command = [sys.executable, "-m", "flowlang", *words, *given]
    text = order.read_text(encoding="utf-8")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(command, input=text, stdout=full, stderr=subprocess.PIPE, text=True, env=environment())
    assert (done.returncode, done.stderr) == (
        69,
        "error: standard output can't be written: no space left on device\n",
    )


def test_help_that_takes_no_more_is_no_bug_and_a_full_stderr_changes_no_status(order: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "flowlang", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment())
        assert done.returncode == 69
        assert done.stderr.startswith("error: ") and done.stderr.endswith(": no space left on device\n")
        command = [sys.executable, "-m", "flowlang", "chek"]
        assert subprocess.run(command, stderr=full, env=environment()).returncode == 2


def test_check_imports_no_more_than_it_needs(order: Path) -> None:
    """It runs on every save of a file: what only other commands need would make it slow."""
    code = "import sys; from flowlang.cli.main import main; main(['check', sys.argv[1]]); print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code, str(order)], capture_output=True, text=True, env=environment())
    loaded = set(done.stdout.split())
    assert "flowlang.check" in loaded
    heavy = {
        "lark",
        "jsonschema",
        "referencing",
        "graphviz",
        "apsw",
        "asyncio",
        "wasmtime",
        "importlib.metadata",
    }
    ours = {"flowlang.choreograph", "flowlang.diagram", "flowlang.runtime", "flowlang.orchestrate"}
    assert loaded & (heavy | ours) == set()


# ---------------------------------------------------------------- check


def test_findings_are_data_and_the_summary_is_talk(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order)
    assert main(["check", "order/order.flow"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("error[FL0302]: `Order` has no field `totl`\n")
    assert "--> order/order.flow:28:16\n" in said.out
    assert "::: order/contracts/orders.yaml:" in said.out
    assert "\x1b" not in said.out
    assert said.err == "1 error\n"


def test_several_mistakes_in_flow_and_contract_are_found_in_one_run(
    order: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(order)
    spoil(order, "shipping.arrange(", "shipping.arange(")
    assert main(["check", "--format", "json", "order/order.flow"]) == 1
    assert [one["code"] for one in json.loads(capsys.readouterr().out)] == ["FL0222", "FL0302"]


def test_github_reads_commands(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order)
    assert main(["check", "--format", "github", "order/order.flow"]) == 1
    assert capsys.readouterr().out.startswith("::error file=order/order.flow,line=28,")


def test_stdin_is_a_flow_beside_which_contracts_are_found(order: Path) -> None:
    text = order.read_bytes()
    said = flowlang("check", "-", cwd=order.parent, stdin=text)
    assert (said.status, said.out) == (0, "")
    said = flowlang("check", "-", cwd=order.parent, stdin=text.replace(b"order.total >", WRONG.encode() + b" >"))
    assert said.status == 1 and "--> <stdin>:28:16" in said.out


def test_a_mistake_in_a_shared_contract_is_told_once(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(order, order.with_name("other.flow"))
    contract = order.parent / "contracts" / "risk.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("effect: none", "efect: none"), encoding="utf-8")
    assert main(["check", "--format", "json", "order/order.flow", "order/other.flow"]) == 1
    found = [(one["file"], one["line"]) for one in json.loads(capsys.readouterr().out) if one["severity"] == "error"]
    assert found == [("order/contracts/risk.yaml", 5)]


def test_a_warning_counts_under_strict_only(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order, "      compensate shipping.cancel(orderId: order.id)\n", "")
    assert main(["check", "order/order.flow"]) == 0
    assert "warning[FL04" in capsys.readouterr().out
    assert main(["check", "--strict", "order/order.flow"]) == 1


def test_choreography_alone_is_a_warning_unless_it_is_asked_for(
    order: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = order.parent / "contracts" / "notifications.yaml"
    contract.write_text(
        contract.read_text(encoding="utf-8").replace("hears: [delivery.confirmed]\n", ""), encoding="utf-8"
    )
    assert main(["check", "order/order.flow"]) == 0
    assert "warning[FL06" in capsys.readouterr().out
    assert main(["check", "--mode", "choreograph", "order/order.flow"]) == 1
    assert "error[FL06" in capsys.readouterr().out


# ---------------------------------------------------------------- files


def test_a_file_that_is_not_there(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "order/odrer.flow"]) == 1
    assert capsys.readouterr().out.startswith(
        "error[FL0191]: there is no file `order/odrer.flow`\n  --> order/odrer.flow:1:1"
    )


def test_a_folder_is_no_flow(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "order"]) == 1
    assert "error[FL0192]" in capsys.readouterr().out


def test_a_file_that_cannot_be_read(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = order.with_name("loop.flow")
    loop.symlink_to(loop)
    assert main(["check", "order/loop.flow"]) == 1
    assert "error[FL0193]" in capsys.readouterr().out


def test_a_pattern_without_a_match(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order, "contracts/*.yaml", "contract/*.yaml")
    assert main(["check", "--format", "json", "order/order.flow"]) == 1
    assert [(one["code"], one["line"], one["column"]) for one in json.loads(capsys.readouterr().out)] == [
        ("FL0195", 1, 15)
    ]


@pytest.mark.parametrize("pattern", ["/etc/*", "../*.yaml", "contracts/../../*.yaml", "link/*.yaml", "*/../../*.yaml"])
def test_nothing_outside_the_project_is_read(pattern: str, order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = order.parent.parent / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("secret: 1\n", encoding="utf-8")
    (order.parent.parent / "secret.yaml").write_text("secret: 1\n", encoding="utf-8")
    (order.parent / "link").symlink_to(outside)
    spoil(order, "contracts/*.yaml", pattern)
    assert main(["check", "order/order.flow"]) == 1
    said = capsys.readouterr().out
    assert "error[FL0196]" in said and "secret" not in said


def test_the_project_is_marked_above_the_flow(order: Path) -> None:
    flows = order.parent / "flows"
    flows.mkdir()
    order.rename(flows / "order.flow")
    spoil(flows / "order.flow", "contracts/*.yaml", "../contracts/*.yaml")
    assert main(["check", "order/flows/order.flow"]) == 0
    (order.parent / "flowlang.toml").unlink()
    assert main(["check", "order/flows/order.flow"]) == 1


# ---------------------------------------------------------------- fmt, convert, explain


def test_fmt_lays_out_and_then_has_nothing_to_do(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laid_out = order.read_text(encoding="utf-8")
    order.write_text("# first\n" + laid_out.replace("\n  ", "\n      "), encoding="utf-8")
    order.chmod(0o640)
    assert main(["fmt", "--check", "order/order.flow"]) == 1
    assert capsys.readouterr().out == "order/order.flow\n"
    assert main(["fmt", "order/order.flow"]) == 0
    assert order.read_text(encoding="utf-8") == "# first\n" + laid_out
    assert stat.S_IMODE(order.stat().st_mode) == 0o640
    assert [path.name for path in order.parent.iterdir() if path.name.startswith(".")] == []
    assert main(["fmt", "--check", "order/order.flow"]) == 0


def test_fmt_leaves_a_broken_flow_alone(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order, "join all", "join")
    before = order.read_bytes()
    assert main(["fmt", "order/order.flow"]) == 1
    assert order.read_bytes() == before
    assert "error[FL01" in capsys.readouterr().out


def test_fmt_lays_out_yaml_and_refuses_only_what_has_comments(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin = order.parent / "twin.flow.yaml"
    assert main(["convert", "order/order.flow", "-o", str(twin)]) == 0
    laid_out = twin.read_text(encoding="utf-8")
    other = laid_out.replace(": ", ":   ")
    assert other != laid_out
    twin.write_text(other, encoding="utf-8")
    assert main(["fmt", "--check", "order/twin.flow.yaml"]) == 1
    assert main(["fmt", "order/twin.flow.yaml"]) == 0
    assert twin.read_text(encoding="utf-8") == laid_out
    assert main(["fmt", "--check", "order/twin.flow.yaml"]) == 0
    commented = "# first\n" + other
    twin.write_text(commented, encoding="utf-8")
    capsys.readouterr()
    assert main(["fmt", "order/twin.flow.yaml"]) == 2
    assert twin.read_text(encoding="utf-8") == commented
    assert "order/twin.flow.yaml: line 1 has a `#` comment" in capsys.readouterr().err


def test_fmt_of_stdin(order: Path) -> None:
    said = flowlang("fmt", "-", cwd=order.parent, stdin=b"flow f() { let   a=1 }")
    assert (said.status, said.out) == (0, "flow f() {\n  let a = 1\n}\n")


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.stem)
def test_convert_there_and_back(flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin, back = tmp_path / "f.flow.yaml", tmp_path / "f.flow"
    assert main(["convert", str(flow), "-o", str(twin)]) == 0
    assert main(["convert", str(twin), "-o", str(back)]) == 0
    assert _tree(back) == _tree(flow)
    again = tmp_path / "again.flow.yaml"
    assert main(["convert", str(back), "-o", str(again)]) == 0
    assert again.read_text(encoding="utf-8") == twin.read_text(encoding="utf-8")


def _tree(path: Path) -> object:
    from flowlang.language import parse
    from flowlang.source import Source

    flow, found = parse(Source(str(path), path.read_text(encoding="utf-8")))
    assert flow is not None and found == []
    return flow


def test_the_yaml_of_order_processing_is_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    folder = EXAMPLES / "order_processing"
    main(["compile", "--to", "ir", str(folder / "order_processing.flow")])
    text = capsys.readouterr().out
    main(["compile", "--to", "ir", str(folder / "order_processing.flow.yaml")])
    assert capsys.readouterr().out == text


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "fl0302"]) == 0
    assert capsys.readouterr().out.startswith("FL0302 (error): ")


def test_every_code_has_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    """The codes are found in the sources, so that a module of words that nobody listed is found too."""
    import re

    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "flowlang").rglob("*.py"))
    codes = sorted(set(re.findall(r'^    code = "(FL\d{4})"', sources, re.MULTILINE)))
    assert len(codes) > 100
    assert [code for code in codes if main(["explain", code]) != 0] == []


def test_a_syntax_error_does_not_hide_the_rest(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(order)
    spoil(order, "key order.id", "key order.")
    contract = order.parent / "contracts" / "risk.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("operations:", "operatoins:"), encoding="utf-8")
    assert main(["check", str(order), "--format", "json"]) == 1
    said = capsys.readouterr()
    assert {one["code"] for one in json.loads(said.out)} >= {"FL0132", "FL0330"}
    assert "`" + str(order) + "` could not be read as a whole" in said.err
    contract.write_text(contract.read_text(encoding="utf-8").replace("operatoins:", "operations:"), encoding="utf-8")
    assert main(["check", str(order), "--format", "json"]) == 1
    assert [one["code"] for one in json.loads(capsys.readouterr().out)] == ["FL0132", "FL0302"]


# ---------------------------------------------------------------- graph, plan, compile


@pytest.mark.parametrize(
    ("ending", "start"), [("dot", b"digraph"), ("svg", b"<"), ("mmd", b"---"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_the_ending_says_the_format(ending: str, start: bytes, order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["graph", "order/order.flow", "-o", f"order/picture.{ending}"])
    if ending in ("png", "pdf") and shutil.which("dot") is None:
        assert status == 69 and "needs the `dot` program" in capsys.readouterr().err
    else:
        assert status == 0
        assert order.with_name(f"picture.{ending}").read_bytes().startswith(start)


def test_dot_goes_to_stdout(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "order/order.flow"]) == 0
    said = capsys.readouterr()
    assert "order_fulfilment/charge" in said.out and said.err == ""


def test_an_unknown_ending_is_a_mistake_of_the_command_line(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "order/order.flow", "-o", "picture.bmp"]) == 2
    assert ".svg" in capsys.readouterr().err


def test_without_dot_there_is_svg_and_a_plain_word_about_png(order: Path) -> None:
    alone = {**environment(), "PATH": "/nowhere"}
    for layout, status in (("svg", 0), ("png", 69), ("pdf", 69)):
        command = [sys.executable, "-m", "flowlang", "graph", str(order), "--format", layout]
        done = subprocess.run(command, capture_output=True, env=alone)
        assert done.returncode == status
        assert (b"<svg" in done.stdout) == (layout == "svg")
        assert (b"needs the `dot` program" in done.stderr) == (layout != "svg")


def test_a_command_that_makes_something_shows_findings_on_stderr(
    order: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(order)
    for arguments in (["graph"], ["plan"], ["compile", "--to", "ir"], ["compile", "--to", "tables"]):
        assert main([*arguments, "order/order.flow"]) == 1
        said = capsys.readouterr()
        assert said.out == "" and "error[FL0302]" in said.err


def test_plan_names_everybody(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "order/order.flow"]) == 0
    said = capsys.readouterr().out
    for name in ("orders", "payments", "inventory", "shipping", "notifications", "risk", "decisions"):
        assert name in said


def test_the_data_of_a_plan_is_there_for_programs(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(order), "--data", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["flow"] == "order_fulfilment"
    assert {"field": "order.email", "personal": True} in said["services"]["notifications"]["reads"]
    assert main(["plan", str(order), "--json"]) == 2
    assert "--json is for --data" in capsys.readouterr().err


@pytest.mark.parametrize("flow", FLOWS, ids=lambda path: path.stem)
def test_kernel_and_tables_are_as_their_schemas_say(
    flow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(flow), "--to", "ir"]) == 0
    kernel = json.loads(capsys.readouterr().out)
    _valid(kernel, "ir")
    assert main(["compile", str(flow), "--to", "tables", "-o", str(tmp_path / "tables")]) == 0
    tables = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((tmp_path / "tables").iterdir())]
    assert tables
    for table in tables:
        _valid(table, "table")
        assert (table["flow"], table["hash"], table["owner"]) == (kernel["name"], kernel["hash"], kernel["owner"])


def test_the_yaml_of_a_table_is_the_table(order: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a service loads from the file is what the compiler made: nothing turns into another type on the way."""
    from flowlang import table
    from flowlang.cli.compiled import checked
    from flowlang.cli.tables import to_yaml
    from flowlang.compile import build
    from flowlang.source import Source
    from flowlang.yamltree import plain, read_yaml

    for name, made in build(checked("order/order.flow")).tables.items():
        node, found = read_yaml(Source(name, to_yaml(table.to_data(made))))
        assert found == [] and node is not None
        assert table.from_data(plain(node)) == made


def _valid(data: object, name: str) -> None:
    schema = json.loads((ROOT / "specs" / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)


@pytest.mark.parametrize("name", ["ir", "table"])
def test_a_schema_knows_every_field(name: str) -> None:
    """Otherwise a field that no example uses could be forgotten in the schema."""
    import dataclasses
    import importlib

    from flowlang.declared import EventType, Operation, Undo
    from flowlang.event import Policy
    from flowlang.shape import kind_of
    from flowlang.source import Span

    module = importlib.import_module(f"flowlang.{name}")
    schema = json.loads((ROOT / "specs" / f"{name}.schema.json").read_text(encoding="utf-8"))
    own = [one for one in vars(module).values() if dataclasses.is_dataclass(one) and one.__module__ == module.__name__]
    names = {EventType: "eventType", Operation: "operation", Undo: "undo", Policy: "policy", Span: None}
    assert len(own) > 12
    for cls in [*own, EventType, Operation, Undo, Policy]:
        key = names.get(cls, kind_of(cls))
        described = schema if key == {"ir": "flow", "table": "table"}[name] else schema["$defs"][key]
        fields = {field.name for field in dataclasses.fields(cls)} - {"span"}
        assert set(described["properties"]) - {"kind", "ir", "table", "hash"} == fields - {"hash"}, cls.__name__


# ---------------------------------------------------------------- colours


@pytest.mark.parametrize(
    ("name", "value", "coloured"), [("X", "1", True), ("NO_COLOR", "1", False), ("TERM", "dumb", False)]
)
def test_colours_are_for_a_terminal_that_wants_them(name: str, value: str, coloured: bool, order: Path) -> None:
    spoil(order)
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "flowlang", "check", str(order)]
    settings = {**environment(), "TERM": "xterm", name: value}
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, env=settings)
    os.close(theirs)
    said = os.read(ours, 10_000)
    os.close(ours)
    assert done.returncode == 1
    assert b"FL0302" in said
    assert (b"\x1b[" in said) == coloured
