"""The loops of a graph: its strongly connected components, by Tarjan's algorithm without recursion."""

from __future__ import annotations


def components(follow: list[set[int]]) -> list[int]:
    """For each place the loop that it is on (a number that all places of the loop share), or -1 where there is none."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    component = [-1] * len(follow)
    placed: set[int] = set()
    for root in range(len(follow)):
        if root in number:
            continue
        work = [(root, iter(sorted(follow[root])))]
        number[root] = low[root] = len(number)
        stack.append(root)
        while work:
            at, rest = work[-1]
            after = next(rest, None)
            if after is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == number[at]:
                    members = [stack.pop()]
                    while members[-1] != at:
                        members.append(stack.pop())
                    placed.update(members)
                    if len(members) > 1 or at in follow[at]:
                        for member in members:
                            component[member] = at
            elif after not in number:
                number[after] = low[after] = len(number)
                stack.append(after)
                work.append((after, iter(sorted(follow[after]))))
            elif after not in placed:
                low[at] = min(low[at], number[after])
    return component
