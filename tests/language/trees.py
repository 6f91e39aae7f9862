"""Random trees over the whole language, for hypothesis. Spans say nothing; they take no part in comparison."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from flowlang.expression import tree as expression
from flowlang.expression.tree import Expr
from flowlang.language import tree
from flowlang.language.automaton import automaton
from flowlang.source import Source, Span
from flowlang.values import Duration

AT = Span(Source("random", ""), 0, 0)

NAMES = (
    "a",
    "order",
    "stock2",
    "_x",
    "all",
    "event",
    "contracts",
    "yes",
    "n",
    "Order",
    "Declined",
    "listened",
    "most",
    "each",
    "any",
)
WORDS = (*NAMES, "step", "on", "for", "true", "null", "in", "none", "else", "at", "version", "listen", "flow")

names = st.sampled_from(NAMES).map(lambda text: tree.Name(text, AT))
words = st.sampled_from(WORDS).map(lambda text: tree.Name(text, AT))
characters = st.characters(exclude_categories=("Cs",))
strings = st.one_of(
    st.sampled_from(
        [
            "",
            "on",
            "no",
            "22:30",
            "010",
            "1e5",
            "~",
            "${",
            "a ${ b }",
            "- x",
            "# x",
            "a: b",
            "'",
            '"',
            "\\",
            "\n",
            " x ",
        ]
    ),
    st.text(characters, max_size=12),
)
texts = strings.map(lambda text: tree.Text(text, AT))
types_of_events = st.one_of(st.sampled_from(["order.placed", "x", "on", "010"]), strings).map(
    lambda t: tree.Text(t, AT)
)
durations = st.one_of(st.integers(0, 10**6), st.integers(0, Duration.LIMIT)).map(Duration)
times = durations.map(lambda value: tree.Time(value, AT))
decimals = st.decimals(0, 10**12, places=3) | st.sampled_from(
    [Decimal("1e40"), Decimal("1e-60"), Decimal("0.10"), Decimal(3)]
)

docs = st.none() | st.lists(
    st.text(
        st.characters(
            exclude_categories=("Cs", "Cc"),
            exclude_characters="\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029",
        ),
        max_size=12,
    ).map(str.rstrip),
    min_size=1,
    max_size=3,
).map("\n".join)


def expressions() -> SearchStrategy[Expr]:
    """Expressions of every form, literals as the parser makes them: no negative ones, since a minus is an operator."""
    values = st.none() | st.booleans() | st.integers(0, 2**63 - 1) | decimals | strings | durations
    leaves: SearchStrategy[Expr] = values.map(lambda value: expression.Literal(value, AT)) | names.map(
        lambda name: expression.Ref(name.text, AT)
    )
    return st.recursive(leaves, _composed, max_leaves=8)


def _composed(inner: SearchStrategy[Expr]) -> SearchStrategy[Expr]:
    args = st.lists(inner, max_size=3).map(tuple)
    words_ = words.map(lambda word: word.text)
    operators = st.sampled_from(["||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"])
    return st.one_of(
        st.builds(lambda of, name, opt: expression.Select(of, name, opt, AT, AT), inner, words_, st.booleans()),
        st.builds(lambda of, at: expression.Index(of, at, AT), inner, inner),
        st.builds(lambda name, args: expression.Function(name.text, args, AT, AT), names, args),
        st.builds(lambda of, name, args: expression.Method(of, name, args, AT, AT), inner, words_, args),
        st.builds(lambda op, of: expression.Unary(op, of, AT), st.sampled_from("!-"), inner),
        st.builds(lambda op, a, b: expression.Binary(op, a, b, AT), operators, inner, inner),
        st.builds(lambda a, b, c: expression.Ternary(a, b, c, AT), inner, inner, inner),
        args.map(lambda items: expression.ListOf(items, AT)),
        maps(inner),
    )


def maps(inner: SearchStrategy[Expr], least: int = 0) -> SearchStrategy[expression.MapOf]:
    keys = words.map(lambda word: word.text)
    return st.dictionaries(keys | strings, inner, min_size=least, max_size=3).map(
        lambda entries: expression.MapOf(tuple(expression.Entry(k, v, AT) for k, v in entries.items()), AT)
    )


exprs = expressions()


def _named_args() -> SearchStrategy[tree.NamedArgs]:
    keys = words.map(lambda word: word.text)
    return st.dictionaries(keys, exprs, min_size=1, max_size=3).map(
        lambda entries: tree.NamedArgs(
            expression.MapOf(tuple(expression.Entry(k, v, AT) for k, v in entries.items()), AT), AT
        )
    )


calls = st.builds(
    tree.Call, words, words, st.none() | _named_args() | exprs.map(lambda value: tree.Whole(value, AT)), st.just(AT)
)
errors = st.lists(
    st.builds(tree.ErrorRef, st.none(), names.filter(lambda name: name.text != "event"), st.just(AT))
    | st.builds(tree.ErrorRef, words, words, st.just(AT)),
    max_size=3,
).map(tuple)
counts = st.integers(0, 10**6).map(lambda value: tree.Count(value, AT))
retries = st.builds(tree.Retry, counts, st.none() | st.tuples(times, times), errors, st.just(AT))
undos = st.none() | calls.map(lambda call: tree.UndoBy(call, AT)) | st.just(tree.UndoNone(AT))

steps = st.builds(tree.Step, names, calls, undos, st.none() | retries, st.none() | times, docs, st.just(AT))
lets = st.builds(tree.Let, names, exprs, docs, st.just(AT))
emits = st.builds(tree.Emit, types_of_events, st.none() | maps(exprs), docs, st.just(AT))
fails = st.builds(tree.Fail, names, st.none() | exprs, docs, st.just(AT))
returns = st.builds(tree.Return, exprs, docs, st.just(AT))
waits = st.builds(tree.Wait, exprs, st.booleans(), docs, st.just(AT))
commits = st.builds(tree.Commit, docs, st.just(AT))
nexts = st.builds(tree.Next, names, exprs, docs, st.just(AT))
yields = st.builds(tree.Yield, exprs, docs, st.just(AT))
simple: SearchStrategy[tree.Statement] = st.one_of(steps, lets, waits, commits, emits, fails, returns, nexts, yields)
ats = st.none() | words
positives = st.integers(1, 2**63 - 1).map(lambda value: tree.Count(value, AT))
carried = st.lists(st.builds(tree.Carried, names, exprs, st.just(AT)), max_size=2, unique_by=lambda c: c.name.text)
joins = st.sampled_from(["all", "all or cancel", "any"]).map(lambda join: (join, None)) | positives.map(
    lambda need: ("some", need)
)


def _compound(inner: SearchStrategy[tree.Statement]) -> SearchStrategy[tree.Statement]:
    blocks = st.lists(inner, max_size=3).map(lambda statements: tree.Block(tuple(statements), AT))
    branches = st.builds(tree.Branch, names, st.none() | exprs, blocks, docs, st.just(AT))
    guards = st.builds(lambda e, body, doc: tree.Case((e,), body, doc, AT), exprs, blocks, docs)
    comparisons = st.builds(tree.Case, st.lists(exprs, min_size=1, max_size=3).map(tuple), blocks, docs, st.just(AT))
    withins = st.builds(tree.Within, exprs, blocks, st.just(AT))
    afters = st.builds(tree.After, exprs, blocks, docs, st.just(AT))
    forevers = st.just(tree.Forever(AT))
    catches = st.builds(tree.Catch, errors, st.none() | names, blocks, docs, st.just(AT))

    def events(alongside: SearchStrategy[bool]) -> SearchStrategy[tree.OnEvent]:
        return st.builds(
            tree.OnEvent, types_of_events, st.none() | names, st.none() | exprs, alongside, blocks, docs, st.just(AT)
        )

    def switches(subject: SearchStrategy[Expr | None], cases: SearchStrategy[tree.Case]) -> SearchStrategy[tree.Switch]:
        several = st.lists(cases, min_size=1, max_size=3).map(tuple)
        return st.builds(tree.Switch, subject, ats, several, st.none() | blocks, docs, st.just(AT))

    return st.one_of(
        st.builds(tree.Sequence, blocks, docs, st.just(AT)),
        st.builds(
            lambda at, branches, join, doc: tree.Fork(at, branches, *join, doc, AT),
            ats,
            st.lists(branches | inner, min_size=1, max_size=3).map(tuple),
            joins,
            docs,
        ),
        switches(st.none(), guards),
        switches(exprs, comparisons),
        st.builds(
            tree.WaitEvent,
            types_of_events,
            st.none() | names,
            st.none() | exprs,
            ats,
            st.none() | withins | forevers,
            docs,
            st.just(AT),
        ),
        st.builds(
            tree.Race,
            ats,
            st.lists(events(st.just(False)), min_size=1, max_size=2).map(tuple),
            st.none() | afters | forevers,
            docs,
            st.just(AT),
        ),
        st.builds(tree.ForEach, names, exprs, st.none() | positives, st.none() | names, ats, blocks, docs, st.just(AT)),
        st.builds(
            tree.Repeat,
            carried.map(tuple),
            ats,
            blocks,
            exprs,
            st.none() | exprs,
            positives,
            st.none() | blocks,
            docs,
            st.just(AT),
        ),
        st.builds(
            tree.Scope,
            names,
            ats,
            blocks,
            st.lists(catches, max_size=2).map(tuple),
            st.lists(events(st.booleans()), max_size=2).map(tuple),
            st.none() | withins,
            st.none() | retries,
            st.none() | blocks,
            docs,
            st.just(AT),
        ),
        st.builds(tree.Orchestrate, words, blocks, docs, st.just(AT)),
    )


statements = st.recursive(simple, _compound, max_leaves=6)
types: SearchStrategy[tree.TypeRef] = st.recursive(
    st.builds(tree.NamedType, st.none() | words, names, st.just(AT)),
    lambda inner: (
        st.builds(tree.ListType, inner, st.just(AT))
        | inner.filter(lambda t: not isinstance(t, tree.OptionalType)).map(lambda t: tree.OptionalType(t, AT))
    ),
    max_leaves=3,
)
uses = st.builds(
    tree.Use, st.sampled_from(["contracts", "flows"]), st.lists(texts, min_size=1, max_size=2).map(tuple), st.just(AT)
)
params = st.lists(st.builds(tree.Param, names, types, st.just(AT)), max_size=3, unique_by=lambda p: p.name.text).map(
    tuple
)
starts = st.builds(tree.Start, types_of_events, st.none() | names, st.none() | exprs, st.just(AT))
flows = st.builds(
    tree.Flow,
    names,
    st.lists(uses, max_size=2).map(tuple),
    params,
    st.none() | types,
    st.none() | (st.sampled_from(["3", "007", "1.2"]) | strings).map(lambda text: tree.Text(text, AT)),
    st.none() | exprs,
    ats,
    st.none() | starts,
    st.lists(statements, max_size=4).map(lambda found: tree.Block(tuple(found), AT)),
    docs,
    st.just(AT),
)

assert not set(NAMES) & automaton().reserved
