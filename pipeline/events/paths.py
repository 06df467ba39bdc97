"""Reading a dotted path out of many documents at once."""

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from operator import contains, itemgetter
from typing import Any

from detectors.profiles.column import MISSING
from schemas.event_config import EventPaths

Documents = Sequence[Mapping[str, Any]]
Reader = Callable[[Documents], list[Any]]


def reader_of(path: str) -> Reader:
    """A function from documents to the values at `path`, `MISSING` where there is none.

    A key that holds dots itself is found before the path is taken apart.
    """
    steps = path.split(".")
    return _one_step(path) if len(steps) == 1 else _many_steps(path, steps)


def rest_reader(paths: EventPaths) -> Reader:
    """A function from documents to what is left of them without objects, and without the fields that `paths` name: theirs
    is what stands at the first step. O(fields)."""
    named = {path for field, path in paths if field != "features"}
    named |= {path.split(".")[0] for path in named}

    def read(documents: Documents) -> list[Any]:
        return [
            {key: value for key, value in d.items() if key not in named and type(value) is not dict} for d in documents
        ]

    return read


def _one_step(key: str) -> Reader:
    get = itemgetter(key)

    def read(documents: Documents) -> list[Any]:
        try:
            return list(map(get, documents))
        except KeyError:
            return [d.get(key, MISSING) for d in documents]

    return read


def _many_steps(path: str, steps: list[str]) -> Reader:
    def one(document: Mapping[str, Any]) -> Any:
        if path in document:
            return document[path]
        here: Any = document
        for step in steps:
            if not isinstance(here, Mapping) or step not in here:
                return MISSING
            here = here[step]
        return here

    def read(documents: Documents) -> list[Any]:
        return [one(d) for d in documents]

    return _two_steps(path, steps[0], steps[1], read) if len(steps) == 2 else read


def _two_steps(path: str, outer: str, inner: str, otherwise: Reader) -> Reader:
    """The common case, `tags.country`, without a call for each document."""
    read_outer, read_inner = _one_step(outer), _one_step(inner)

    def read(documents: Documents) -> list[Any]:
        found = read_outer(documents)
        plain = set(map(type, found)) == {dict} and not any(map(contains, documents, repeat(path)))
        return read_inner(found) if plain else otherwise(documents)

    return read
