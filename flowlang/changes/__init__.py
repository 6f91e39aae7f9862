"""What changed between two versions of a flow, and whether runs in flight or other services would break.

found = changes(old, new)
print(changes_text(old, new, found))
"""

from flowlang.changes.find import Change, Version, changes
from flowlang.changes.words import changes_data, changes_text

__all__ = ["Change", "Version", "changes", "changes_data", "changes_text"]
