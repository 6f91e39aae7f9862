"""The text that stands for what is personal is put wherever it fits, and found in whatever people see."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from flowlang.verify.canary import CANARY, carried, leaked, overheard, planted

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "x-pii": True},
        "age": {"type": "integer", "x-pii": True},
        "mail": {"type": "string", "x-pii": True, "format": "email"},
        "code": {"type": "string", "x-pii": True, "maxLength": 2},
        "city": {"type": "string"},
        "phones": {"type": "array", "items": {"$ref": "#/$defs/Phone"}},
    },
    "$defs": {"Phone": {"type": "string", "x-pii": True}},
}


def test_it_stands_where_it_fits_and_nothing_else_is_changed() -> None:
    given = {"age": 7, "code": "xy", "city": "Rome", "phones": ["1", "2"]}
    made: Any = planted(PERSON, given)
    assert made["name"] == CANARY and made["phones"] == [CANARY, CANARY]
    assert CANARY in made["mail"] and "@" in made["mail"]
    assert (made["age"], made["code"], made["city"]) == (7, "xy", "Rome")
    assert given == {"age": 7, "code": "xy", "city": "Rome", "phones": ["1", "2"]}
    assert carried(made) and not carried(given)
    assert planted({"type": "string", "x-pii": True}, "Ann") == CANARY
    assert planted({"type": "string"}, "Ann") == "Ann"


def test_what_is_logged_or_printed_is_overheard_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    logger = logging.getLogger("flowlang.runtime.somewhere")
    with overheard(lines):
        logger.debug("to %s", CANARY)
        print("out", CANARY)
        print("err", CANARY, file=sys.stderr)
        try:
            raise ValueError(CANARY)
        except ValueError:
            logging.getLogger("asyncio").exception("a task")
    assert len([line for line in lines if CANARY in line]) >= 4
    assert leaked(lines) == f"to {CANARY}" and leaked(["nothing"]) == ""
    said = capsys.readouterr()
    assert CANARY in said.out and CANARY in said.err
    logger.debug("no more")
    assert "no more" not in lines
