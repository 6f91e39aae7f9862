"""The modes that each scenario is played in."""

from __future__ import annotations

import pytest

from tests.scenarios.stage import MODES


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """Each of the two modes."""
    return str(request.param)
