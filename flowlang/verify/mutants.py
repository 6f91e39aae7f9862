"""Deliberate mistakes: each a small change of one file, planted for as long as a `with` block lasts, that verification must
find. A proof that cannot fail proves nothing; these are how we know that ours can.

A mutant is the text of a file with one place replaced. The changed functions are compiled and their code is put into the
living ones, so whoever holds them runs the mistake. Nothing of a user's is ever compiled here, and nothing stays.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flowlang import ir
from flowlang.event import Value
from flowlang.verify import small
from flowlang.verify.choices import Choices
from flowlang.verify.explore import Freedom, explore
from flowlang.verify.listening import events_for
from flowlang.verify.planted import Mutant
from flowlang.verify.schedule import Prepared, prepare
from flowlang.verify.simulate import simulate
from flowlang.verify.subject import Subject


@dataclass(frozen=True, slots=True)
class Hunt:
    """How a mutant was looked for: `trials` until it was found (schedules explored, or histories simulated), and by what.
    `why` is "" where it got away."""

    mutant: Mutant
    trials: int
    why: str
    schedule: tuple[str, ...] = field(default=(), repr=False)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """While this is held, the mistake is in the code."""
    changes = list(_changes(mutant))
    if not changes:
        raise AssertionError(f"the mutant `{mutant.name}` changes nothing")
    good = [(function, function.__code__) for function, _ in changes]
    try:
        for function, code in changes:
            function.__code__ = code
        yield
    finally:
        for function, code in good:
            function.__code__ = code


def _changes(mutant: Mutant) -> Iterator[tuple[FunctionType, CodeType]]:
    """The functions that are other ones under the mutant, with their code."""
    module = import_module(mutant.module)
    source = inspect.getsource(module)
    if source.count(mutant.old) != 1:
        raise AssertionError(f"the mutant `{mutant.name}` no longer fits {mutant.module}: it has to be written anew")
    name = module.__file__ or mutant.module
    was, now = (compile(text, name, "exec") for text in (source, source.replace(mutant.old, mutant.new)))
    before = {code.co_qualname: _meaning(code) for code in _functions(was)}
    for code in _functions(now):
        if before.get(code.co_qualname) != _meaning(code):
            yield _living(module, code.co_qualname), code


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The functions of a module and of its classes, without those inside of functions."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & inspect.CO_NEWLOCALS:
                yield constant
            else:
                yield from _functions(constant)


def _meaning(code: CodeType) -> tuple[object, ...]:
    """What a function does, wherever it stands in its file."""
    constants = (_meaning(one) if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, tuple(constants)


def _living(module: ModuleType, qualified: str) -> FunctionType:
    """The function that others hold, under whatever wraps it."""
    found: Any = module
    for name in qualified.split("."):
        found = inspect.getattr_static(found, name)
    found = getattr(found, "__func__", getattr(found, "fget", found))
    found = inspect.unwrap(found)
    assert isinstance(found, FunctionType), qualified
    return found


def hunt(mutant: Mutant, budget: int = 400) -> Hunt:
    """Look for one mutant on its own small flow."""
    body = small.by_event(mutant.flow) if mutant.by_event else small.whole(mutant.flow)
    with planted(mutant), _unseen():
        return _simulated(mutant, body, budget) if mutant.how == "simulate" else _explored(mutant, body)


def hunt_here(mutant: Mutant, flow: ir.Flow, input: Mapping[str, Value], worlds: int = 300, seeds: int = 8) -> Hunt:
    """Look for one mutant on somebody's flow, not for long."""
    with planted(mutant), _unseen():
        try:
            prepared = prepare(flow)
            events = events_for(prepared, input, 3)
        except (AssertionError, KeyError, ValueError) as wrong:  # it can't even be made, or not be gone through
            return Hunt(mutant, 1, f"{type(wrong).__name__}: {wrong}")
        if mutant.how == "simulate":
            return _histories(mutant, Subject(prepared, input, events), seeds)
        trials = 0
        for mode in mutant.modes:
            found = explore(prepared, mode, input, Freedom(events), worlds)
            trials += found.steps
            if found.broken is not None:
                return Hunt(mutant, trials, found.broken.why, found.broken.schedule)
        return Hunt(mutant, trials, "")


@contextmanager
def _unseen() -> Iterator[None]:
    """What a mistake prints is for the check that listens, and not for the terminal of whoever verifies."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _explored(mutant: Mutant, body: str) -> Hunt:
    trials = 0
    prepared = _prepared(body)
    freedom = Freedom(events_for(prepared, small.INPUT), mutant.cancel, mutant.unknown, mutant.stuck)
    for mode in mutant.modes:
        found = explore(prepared, mode, small.INPUT, freedom)
        trials += found.steps
        if found.broken is not None:
            return Hunt(mutant, trials, found.broken.why, found.broken.schedule)
    return Hunt(mutant, trials, "")


def _simulated(mutant: Mutant, body: str, budget: int) -> Hunt:
    prepared = _prepared(body)
    input = small.TOLD if mutant.by_event else small.INPUT
    return _histories(mutant, Subject(prepared, input, events_for(prepared, input)), budget)


def _histories(mutant: Mutant, subject: Subject, budget: int) -> Hunt:
    for seed in range(budget):
        for mode in mutant.modes:
            found = simulate(subject, mode, Choices(seed))
            if found.broken:
                return Hunt(mutant, seed + 1, found.broken, tuple(found.trace))
    return Hunt(mutant, budget, "")


def _prepared(body: str) -> Prepared:
    """Under a mutant: a mistake of the projection is in what it makes now."""
    return prepare(small.kernel(body))
