"""Some ten thousand inputs to every decoder, other ones each time: a fault's line gives the seed to draw it again."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.fuzz.bounds import TooLargeError, TooSlowError, bounded, bounded_process
from tests.fuzz.campaign import DECODERS, run
from tests.fuzz.decoder import Decoder

INPUTS = 30_000
SEED = 1 if os.environ.get("CI") else random.SystemRandom().randrange(1 << 32)


@pytest.fixture(scope="module", autouse=True)
def bounds() -> Iterator[None]:
    with bounded_process():
        yield


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)
def test_a_decoder_answers_anything_with_a_value_or_an_error_of_ours(decoder: Decoder) -> None:
    tally = run(decoder, INPUTS, SEED)
    faults = [str(fault) for fault in tally.faults]
    assert not faults, f"seed {SEED}"
    assert tally.read, f"seed {SEED}: nothing was read, so nothing behind the first check was reached"


def _forever() -> None:
    while True:
        pass


def test_what_takes_too_long_is_seen() -> None:
    with pytest.raises(TooSlowError), bounded(1, traced=False):
        _forever()


def test_what_takes_too_much_memory_is_seen() -> None:
    with pytest.raises(TooLargeError), bounded(100, traced=True):
        bytes(20 << 20)
    with pytest.raises(MemoryError):
        bytes(1 << 30)
