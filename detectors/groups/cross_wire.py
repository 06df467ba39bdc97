"""The wire form of cross-products: the lens's digest (8 bytes), then integers as varints.

    rows | p | gaps | places of signals with gaps | sums | squares | products above the diagonal
    | for each signal with gaps its column of counts, of sums and of squares

Of a signal without gaps the column says what the diagonal says. Equal cross-products have equal bytes.
"""

import numpy as np

from detectors.groups.varint import decode_varints, encode_varints, unzigzag, zigzag
from detectors.lenses.cross import CrossProducts, Sums
from detectors.lenses.lens import GREATEST, MOST_CANDIDATES
from detectors.profiles.ordering import Keys
from schemas.errors import WireError

_DIGEST = 8
_MOST_ROWS = 1 << 48


def encode_cross(cross: CrossProducts) -> bytes:
    """The bytes of cross-products. O(p^2)."""
    p = len(cross.counts)
    gaps = np.flatnonzero(cross.counts.diagonal() < cross.rows)
    parts = [
        np.array([cross.rows, p, len(gaps), *gaps.tolist()], np.uint64),
        zigzag(cross.sums.diagonal().copy()),
        cross.squares.diagonal().astype(np.uint64),
        zigzag(cross.products[np.triu_indices(p, 1)]),
        cross.counts[:, gaps].ravel().astype(np.uint64),
        zigzag(cross.sums[:, gaps].ravel()),
        cross.squares[:, gaps].ravel().astype(np.uint64),
    ]
    return cross.lens + encode_varints(np.concatenate(parts))


def decode_cross(data: bytes) -> CrossProducts:
    """The cross-products that `data` is the wire form of. Raises WireError on anything else."""
    if len(data) < _DIGEST + 3:
        raise WireError(f"cross-products: {len(data)} bytes are too few")
    numbers = decode_varints(data[_DIGEST:])
    rows, p, many = (int(number) for number in numbers[:3].tolist())
    if rows >= _MOST_ROWS or p > MOST_CANDIDATES or many > p or len(numbers) != _length(p, many):
        raise WireError(f"cross-products: {len(numbers)} integers for {p} signals, {many} of them with gaps")
    cross = _cross(data[:_DIGEST], rows, p, many, numbers)
    if not _possible(cross) or encode_cross(cross) != data:
        raise WireError("cross-products: sums that no events have")
    return cross


def _length(p: int, gaps: int) -> int:
    return 3 + gaps + 2 * p + p * (p - 1) // 2 + 3 * p * gaps


def _cross(lens: bytes, rows: int, p: int, many: int, numbers: Keys) -> CrossProducts:
    ends = np.cumsum([3, many, p, p, p * (p - 1) // 2, p * many, p * many])
    gaps, own_sums, own_squares, above, counts, sums, squares = np.split(numbers, ends)[1:]
    places = np.minimum(gaps, np.uint64(max(p - 1, 0))).astype(np.intp)
    products = np.zeros((p, p), np.int64)
    upper = np.triu_indices(p, 1)
    products[upper] = unzigzag(above)
    products += products.T
    np.fill_diagonal(products, own_squares.astype(np.int64))
    return CrossProducts(
        lens,
        rows,
        _filled(np.full(p, rows), places, counts.astype(np.int64)),
        _filled(unzigzag(own_sums), places, unzigzag(sums)),
        _filled(own_squares.astype(np.int64), places, squares.astype(np.int64)),
        products,
    )


def _filled(own: Sums, gaps: Sums, columns: Sums) -> Sums:
    found = np.repeat(own.astype(np.int64)[:, None], len(own), axis=1)
    found[:, gaps] = columns.reshape(len(own), len(gaps))
    if len(gaps):  # where i has gaps, a complete j sees i as i sees itself
        others = np.setdiff1d(np.arange(len(own)), gaps)
        found[np.ix_(gaps, others)] = found[gaps, gaps][:, None]
    return found


def _possible(cross: CrossProducts) -> bool:
    """Whether no sum is beyond what so many rows come to, so that sums of sums cannot overflow."""
    most = cross.rows * GREATEST
    return bool(
        (cross.counts >= 0).all()
        and (cross.counts <= cross.rows).all()
        and (cross.counts == cross.counts.T).all()
        and (np.abs(cross.sums) <= most).all()
        and (cross.squares >= 0).all()
        and (cross.squares <= most * GREATEST).all()
        and (np.abs(cross.products) <= most * GREATEST).all()
    )
