"""All decoders, each given its share of the inputs. An input is drawn from (seed, decoder, number) alone."""

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz import configuration, events, files, framed, messages, profiles, records, state
from tests.fuzz.bounds import TooLargeError, TooSlowError, bounded
from tests.fuzz.decoder import Decoder

DECODERS: tuple[Decoder, ...] = (
    *profiles.DECODERS,
    *messages.DECODERS,
    *state.DECODERS,
    *records.DECODERS,
    *events.DECODERS,
    *framed.DECODERS,
    *configuration.DECODERS,
    *files.DECODERS,
)
_TRACED_EACH = 50
_MOST_FAULTS = 5
_SHOWN = 600


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that a decoder does not take as it should."""

    decoder: str
    number: int
    error: BaseException
    data: Any

    def __str__(self) -> str:
        data = repr(self.data)
        shown = data if len(data) <= _SHOWN else f"{data[:_SHOWN]}... ({len(data):,} characters)"
        place = traceback.extract_tb(self.error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return f"{self.decoder} {self.number}: {type(self.error).__name__}: {self.error} ({where})\n  {shown}"


@dataclass(slots=True)
class Tally:
    """What became of one decoder's inputs. `read` counts calls whose input was read, at least in part; `cpu_s` is of
    drawing and decoding, `slowest_s` of decoding alone."""

    inputs: int = 0
    read: int = 0
    cpu_s: float = 0.0
    slowest_s: float = 0.0
    faults: list[Fault] = field(default_factory=list)


def calls_of(decoder: Decoder, inputs: int) -> int:
    """How often the decoder is called in a campaign of so many inputs."""
    return max(1, inputs * decoder.share // sum(d.share for d in DECODERS) // decoder.batch)


def run(decoder: Decoder, inputs: int, seed: int, advance: Callable[[int], None] | None = None) -> Tally:
    """Gives the decoder its share of `inputs`; stops after a few faults. Within `bounded_process`."""
    tally = Tally()
    for number in range(calls_of(decoder, inputs)):
        _give(decoder, seed, number, tally)
        if advance is not None:
            advance(decoder.batch)
        if len(tally.faults) >= _MOST_FAULTS:
            break
    return tally


def input_of(decoder: Decoder, seed: int, number: int) -> Any:
    """The input of this number."""
    return decoder.make(Random(f"{seed}/{decoder.name}/{number}"))


def _give(decoder: Decoder, seed: int, number: int, tally: Tally) -> None:
    drawn_s = time.process_time()
    data = input_of(decoder, seed, number)
    began_s = time.process_time()
    try:
        with bounded(_size(data), traced=number % _TRACED_EACH == 0):
            tally.read += bool(decoder.check(data))
    except (Exception, TooSlowError, TooLargeError) as error:
        tally.faults.append(Fault(decoder.name, number, error, data))
    ended_s = time.process_time()
    tally.inputs += decoder.batch
    tally.cpu_s += ended_s - drawn_s
    tally.slowest_s = max(tally.slowest_s, ended_s - began_s)


def _size(data: Any) -> int:
    return sum(map(len, _pieces(data)))


def _pieces(data: Any) -> Iterator[bytes | str]:
    if isinstance(data, bytes | str):
        yield data
    elif isinstance(data, list):
        for piece in data:
            yield from _pieces(piece)
    elif isinstance(data, dict):
        yield from _pieces(list(data))
        yield from _pieces(list(data.values()))
