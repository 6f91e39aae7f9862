"""What the package reads of its own: the grammar and the public schemas.

They lie at the top of the repository (`grammar/`, `specs/`), where people look for them. A wheel carries a copy inside the
package; an editable install and a source checkout read the originals, so there is never a second version to keep up.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def text(name: str) -> str:
    """The text of `grammar/flow.lark` or of `specs/NAME.schema.json`."""
    shipped = PACKAGE / "shipped" / name
    return (shipped if shipped.is_file() else PACKAGE.parent / name).read_text(encoding="utf-8")
