"""`@dataclass(frozen=True, slots=True)` with one generated method instead of six, made at a third of the price.

The standard decorator compiles `__init__`, `__repr__`, `__eq__`, `__hash__`, `__setattr__` and `__delattr__` of each class
anew. Here `__init__` is compiled, and the others are the same for all classes: with about a hundred and fifty of them
that is a third of the time of a `check`. For readers and for mypy it is the standard decorator, and so it is for
`dataclasses.fields` and `replace`.

That nobody changes a record is mypy's to see to, not the interpreter's: a guard there makes each record three times as
dear to make, and a run of three steps makes about thirty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
    from dataclasses import dataclass as keyed
else:
    from dataclasses import MISSING, fields
    from dataclasses import dataclass as _standard
    from operator import attrgetter

    def dataclass(*, frozen, slots):
        """The decorator. Both arguments are True, and are written for mypy."""
        assert frozen and slots
        return _made

    def keyed(*, frozen, slots):
        """The decorator for the key of many dictionaries: `==` and `hash` of its own, since generated ones are quicker."""
        assert frozen and slots
        return _keyed

    def _keyed(cls):
        made = _standard(init=False, slots=True, unsafe_hash=True)(cls)
        made.__init__ = _init(made, fields(made))
        made.__dataclass_params__.frozen = True
        return made

    def _made(cls):
        made = _standard(init=False, repr=False, eq=False, slots=True)(cls)
        every = fields(made)
        compared = [field.name for field in every if field.compare]
        made._key = attrgetter(*compared) if compared else _nothing
        made.__init__ = _init(made, every)
        made.__eq__, made.__hash__, made.__repr__ = _eq, _hash, _repr
        made.__dataclass_params__.frozen = True  # for those who ask whether they may share it
        return made

    def _init(made, every):
        known = {"_MISSING": MISSING}
        given, lines = [], []
        for field in every:
            assert field.init
            value = field.name
            if field.default_factory is not MISSING:
                known[f"_make_{field.name}"] = field.default_factory
                given.append(f"{field.name}=_MISSING")
                value = f"_make_{field.name}() if {field.name} is _MISSING else {field.name}"
            elif field.default is not MISSING:
                known[f"_default_{field.name}"] = field.default
                given.append(f"{field.name}=_default_{field.name}")
            else:
                given.append(field.name)
            lines.append(f" self.{field.name} = {value}")
        # The names of our own fields, as in the standard decorator; nothing of a user's is among them.
        exec(f"def __init__(self, {', '.join(given)}):\n" + "\n".join(lines or [" pass"]), known)  # noqa: S102
        known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
        return known["__init__"]

    @staticmethod
    def _nothing(self):
        return ()

    def _eq(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self._key(self) == self._key(other)

    def _hash(self):
        return hash(self._key(self))

    def _repr(self):
        said = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self) if field.repr)
        return f"{self.__class__.__qualname__}({', '.join(said)})"


__all__ = ["dataclass", "keyed"]
