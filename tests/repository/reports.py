"""Reports of two modes, made comparable."""

from __future__ import annotations

import json
from typing import Any

import jsonschema

from tests.repository.command import ROOT

SHAPE = jsonschema.Draft202012Validator(json.loads((ROOT / "specs" / "report.schema.json").read_text(encoding="utf-8")))


def comparable(report: str) -> str:
    """The report as text, byte for byte, without what may differ between the modes."""
    data: dict[str, Any] = json.loads(report)
    SHAPE.validate(data)
    for value in [data["run"], f'"mode": "{data["mode"]}"', *(effect["key"] for effect in data["effects"])]:
        assert value in report
        report = report.replace(value, "-")
    return report
