"""The wire form of a group's profile: a version, names as JSON, integers as varints, floats, a checksum.

    version (1 byte) | length of names (varint) | names | length of integers (varint) | integers | floats | CRC-32

Version 2 has cross-products (`detectors.cross_wire`) before the floats, with their length (varint).

Names are the signals', each with the labels of its categories. The bytes are canonical: equal profiles have equal
bytes. A grid is written as its regions (distance, shift, buckets) and the distances between its buckets.
"""

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.cross import CrossProducts
from detectors.cross_wire import decode_cross
from detectors.encoder import CROSS_VERSION, VERSION, encode_group, encode_groups, region_floor, regions_of
from detectors.exact import ExactSums
from detectors.grid import LEAST_SPAN, Caps, Grid, empty_grid
from detectors.group import GroupProfile
from detectors.ordering import Keys
from detectors.profile import Profile, Resolution
from detectors.trace import SLICES, Trace
from detectors.varint import decode_varints, unzigzag
from schemas import codec
from schemas.errors import WireError

__all__ = ["CROSS_VERSION", "VERSION", "cross_of", "decode_group", "encode_group", "encode_groups"]

_MOST_CELLS = 1 << 20


def decode_group(data: bytes, slices: int | None = None) -> GroupProfile:
    """The group's profile that `data` is the wire form of. Raises WireError on anything else, and where a signal has not
    `slices` time slices, if that is given."""
    _check(data)
    try:
        group = _decoded(data)
        _check_slices(group, slices)
        return group
    except (IndexError, TypeError, OverflowError, ValueError) as error:
        raise WireError(f"profile: {error}") from error


def cross_of(data: bytes) -> CrossProducts | None:
    """The cross-products in a group's wire form, which costs less than all of it; None where it has none. Raises
    WireError where they are damaged."""
    _check(data)
    if data[0] != CROSS_VERSION:
        return None
    try:
        return decode_cross(_cross_and_floats(data, _integers(data)[1])[0])
    except (IndexError, OverflowError, ValueError) as error:
        raise WireError(f"profile: {error}") from error


def _check(data: bytes) -> None:
    if len(data) < 5:
        raise WireError(f"profile: {len(data)} bytes are too few")
    if data[0] not in (VERSION, CROSS_VERSION):
        raise WireError(
            f"profile: version {data[0]} is not known here, only {VERSION} and {CROSS_VERSION}: upgrade this reader"
        )
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        raise WireError("profile: the checksum does not match")


def _check_slices(group: GroupProfile, slices: int | None) -> None:
    """Profiles merge only where all have the same slices, so others would be an error far from here."""
    found = {profile.trace.slices for profile in group.signals.values()}
    if not found <= ({1, SLICES} if slices is None else {slices}) or len(found) > 1:
        raise ValueError(f"time slices: {', '.join(map(str, sorted(found)))}")


class _Reader:
    """Takes integers from the front of an array."""

    def __init__(self, numbers: Keys) -> None:
        self._numbers = numbers
        self._at = 0

    def take(self, n: int) -> Keys:
        if not 0 <= n <= len(self._numbers) - self._at:
            raise ValueError(f"{n} numbers wanted, {len(self._numbers) - self._at} left")
        self._at += n
        return self._numbers[self._at - n : self._at]

    def one(self) -> int:
        return int(self.take(1)[0])

    def counts(self, n: int) -> npt.NDArray[np.int64]:
        numbers = self.take(n)
        if (numbers >= np.uint64(1 << 62)).any():
            raise ValueError("a count is too large")
        return numbers.astype(np.int64)

    def end(self) -> None:
        if self._at != len(self._numbers):
            raise ValueError(f"{len(self._numbers) - self._at} numbers too many")


def _decoded(data: bytes) -> GroupProfile:
    names_at, names_end = _section(data, 1)
    integers_at, integers_end = _section(data, names_end)
    crossed, floats_at = _cross_and_floats(data, integers_end) if data[0] == CROSS_VERSION else (b"", integers_end)
    names: Any = codec.decode(data[names_at:names_end])
    floats = np.frombuffer(data[floats_at:-4], "<f8").astype(np.float64).reshape(-1, 2)
    if not np.isfinite(floats).all() or (floats[:, 0] > floats[:, 1]).any() or np.signbit(floats[floats == 0]).any():
        raise ValueError("extremes that no numbers have")
    reader = _Reader(decode_varints(data[integers_at:integers_end]))
    count, regions, buckets, categories, most_signals = reader.counts(5).tolist()
    if categories < 1 or most_signals < 1:
        raise ValueError("a resolution of nothing")
    extremes = iter(floats.tolist())
    signals = {name: _read_profile(reader, tuple(labels), extremes) for name, *labels in names}
    reader.end()
    if next(extremes, None) is not None:
        raise ValueError("more extremes than numeric signals")
    if any(not isinstance(text, str) for row in names for text in row) or list(signals) != sorted(signals):
        raise ValueError("names must be strings in order")
    if codec.encode([[name, *p.labels] for name, p in signals.items()]) != data[names_at:names_end]:
        raise ValueError("names are not as they are written here")
    cross = decode_cross(crossed) if data[0] == CROSS_VERSION else None
    return GroupProfile(count, signals, Resolution(Caps(regions, buckets), categories, most_signals), cross)


def _integers(data: bytes) -> tuple[int, int]:
    return _section(data, _section(data, 1)[1])


def _cross_and_floats(data: bytes, at: int) -> tuple[bytes, int]:
    """The cross-products' bytes, and where the floats begin."""
    start, end = _section(data, at)
    return data[start:end], end


def _section(data: bytes, at: int) -> tuple[int, int]:
    end = at
    while data[end] & 128:
        end += 1
    start = end + 1
    length = int(decode_varints(data[at:start])[0])
    if length > len(data) - 4 - start:
        raise ValueError("a section is cut off")
    return start, start + length


def _read_profile(reader: _Reader, labels: tuple[str, ...], extremes: Iterator[list[float]]) -> Profile:
    no, yes, null, missing, not_finite, other = reader.counts(6).tolist()
    numbers = _read_grid(reader)
    categories = _read_grid(reader)
    if len(labels) != len(categories.keys):
        raise ValueError(f"{len(labels)} labels for {len(categories.keys)} categories")
    least, greatest = _next_extremes(extremes) if len(numbers.keys) else (np.inf, -np.inf)
    trace = _read_trace(reader)
    return Profile(numbers, least, greatest, categories, labels, (no, yes), null, missing, not_finite, other, trace)


def _next_extremes(extremes: Iterator[list[float]]) -> list[float]:
    found = next(extremes, None)
    if found is None:
        raise ValueError("fewer extremes than numeric signals")
    return found


def _read_grid(reader: _Reader) -> Grid:
    size = reader.one()
    if not size:
        return empty_grid()
    span, n_regions = reader.one(), reader.one()
    if not LEAST_SPAN <= span <= 64:
        raise ValueError(f"a span of {span}")
    regions = np.cumsum(reader.take(n_regions))
    shifts = reader.take(n_regions)
    lengths = reader.counts(n_regions)
    distances = reader.take(size)
    if shifts.max() > span or lengths.min() < 1 or lengths.max() > size or lengths.sum() != size:
        raise ValueError("regions that do not add up")
    if (regions[1:] <= regions[:-1]).any():
        raise ValueError("regions out of order")
    starts = np.cumsum(lengths) - lengths
    bucket_shifts = np.repeat(shifts, lengths).astype(np.uint8)
    steps = distances << bucket_shifts
    if (steps >> bucket_shifts != distances).any():
        raise ValueError("buckets beyond the keys")
    totals = np.cumsum(steps)
    floor = region_floor(regions, np.uint64(span)) - (totals[starts] - steps[starts])
    keys = totals + np.repeat(floor, lengths)
    counts = reader.counts(size)
    if (keys[1:] <= keys[:-1]).any() or counts.min() < 1:
        raise ValueError("buckets out of order")
    if (regions_of(keys, np.uint64(span)) != np.repeat(regions, lengths)).any():
        raise ValueError("buckets outside their region")
    return Grid(span, keys, bucket_shifts, counts)


def _read_trace(reader: _Reader) -> Trace:
    slices = reader.one()
    counts = reader.counts(slices)
    return Trace(counts, _read_sums(reader, slices), _read_sums(reader, slices))


def _read_sums(reader: _Reader, cells: int) -> ExactSums:
    low = int(unzigzag(reader.take(1))[0])
    columns = reader.one()
    if abs(low) > 100 or cells * columns > _MOST_CELLS:
        raise ValueError("sums out of range")
    sums = ExactSums(low, unzigzag(reader.take(cells * columns)).reshape(cells, columns))
    if not (sums.digits[:, :1].any() and sums.digits[:, -1:].any() if columns else low == 0):
        raise ValueError("sums with digits that they do not need")
    return sums
