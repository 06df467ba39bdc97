"""What fuzzing found, each kept as the least input that shows it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from detectors.groups.varint import decode_varints, encode_varints
from detectors.groups.wire import SLICED, UNSLICED, decode_group, encode_group
from pipeline.configuration.config_file import read_config
from pipeline.events.files.files import read_events
from pipeline.ingest.resume import decode_progress
from pipeline.monitor.collect import Collector, Outcome
from pipeline.monitor.incidents.memory import GroupMemory, PartitionMemory
from pipeline.monitor.tables.keeping import kept_of
from schemas.config import Config
from schemas.errors import ConfigError, DriftlineError, InputError, StateError, WireError
from schemas.packet import SourcePartition, decode_message, encode_marker
from tests.detectors import strategies as some
from tests.fuzz.bounds import bounded, bounded_process
from tests.fuzz.mutation import sealed
from tests.upgrade import forms

_NAMES = b'[["x"]]'


def _profile(*numbers: int, names: bytes = _NAMES, floats: tuple[float, ...] = ()) -> bytes:
    """A profile's bytes, of any integers and floats."""
    integers = encode_varints(np.array(numbers, np.uint64))
    sections = [encode_varints(np.array([len(part)], np.uint64)) + part for part in (names, integers)]
    return sealed(b"\x01" + b"".join(sections) + np.array(floats, "<f8").tobytes())


_HEAD = (1, 16, 512, 256, 2000)  # count, regions, buckets, categories, signals
_COUNTS = (0, 0, 1, 0, 0, 0)
_NO_GRID = (0,)
_NO_TRACE = (1, 0, 0, 0, 0, 0)  # one slice, no count, two sums of zero
_LEAST = (*_HEAD, *_COUNTS, *_NO_GRID, *_NO_GRID, *_NO_TRACE)


def test_the_least_profile_is_read() -> None:
    """So what is refused below is refused for what is changed in it."""
    assert encode_group(decode_group(_profile(*_LEAST))) == _profile(*_LEAST)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            _profile(*_HEAD, *_COUNTS, 1 << 33, 52, 1, 0, 0, 1 << 33, *_NO_GRID, *_NO_TRACE), id="a region of 2**33"
        ),
        pytest.param(_profile(*_LEAST, names=b'["x"]'), id="names that are no lists"),
        pytest.param(_profile(*_LEAST, names=b'[ ["x"]]'), id="names with a space"),
        pytest.param(_profile(*_LEAST, *_LEAST[5:], names=b'[["x"],["x"]]'), id="a name twice"),
        pytest.param(_profile(*_LEAST[:-6], 59, *[0] * 59, 0, 0, 0, 0), id="59 slices"),
        pytest.param(_profile(*_LEAST[:-5], 0, 2, 0, 0, 0), id="a sum of zero from digit 1 on"),
        pytest.param(_profile(*_LEAST[:3], 0, *_LEAST[4:]), id="no categories at all"),
        pytest.param(
            _profile(*_HEAD, *_COUNTS, 1, 52, 1, 2050, 0, 1, 5, 1, *_NO_GRID, *_NO_TRACE, floats=(np.nan, 1.0)),
            id="an extreme that is no number",
        ),
        pytest.param(
            _profile(
                *_HEAD, *_COUNTS, 2, 52, 2, 2050, 0, 0, 0, 1, 1, 5, 9, 1, 1, *_NO_GRID, *_NO_TRACE, floats=(1.0, 2.0)
            ),
            id="a region twice",
        ),
    ],
)
def test_a_profile_that_nobody_writes_is_refused(data: bytes) -> None:
    with bounded_process(), bounded(len(data), traced=True), pytest.raises(WireError):
        decode_group(data)


@pytest.mark.parametrize("data", [b"\x80\x00", b"\xff" * 9 + b"\x02"], ids=["padded", "beyond 64 bits"])
def test_a_number_that_nobody_writes_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        decode_varints(data)


def test_slices_are_those_that_the_place_wants() -> None:
    group = some.group_of([(3, 1.0)], forms.RESOLUTION)
    with pytest.raises(WireError, match="time slices: 60"):
        decode_group(encode_group(group), UNSLICED)
    with pytest.raises(WireError, match="time slices: 1"):
        decode_group(encode_group(group.collapsed()), SLICED)


def test_a_packet_without_slices_is_refused_before_it_is_merged() -> None:
    packet = forms.message()
    flat = packet._replace(payload=encode_group(forms.profile().collapsed()))
    assert Collector(Config()).take(packet, 0) is Outcome.FOLDED
    with pytest.raises(WireError, match="time slices: 1"):
        Collector(Config()).take(flat, 0)


def _with_header(change: Callable[[bytes], bytes]) -> bytes:
    data = encode_marker(forms.MARKER)
    header = change(data[8:-4])
    return sealed(data[:4] + len(header).to_bytes(4, "big") + header)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda h: h.replace(b'"events":4', b'"events":1000000000'), id="a billion partitions"),
        pytest.param(lambda h: h.replace(b'"position":1200', b'"position":"1200"'), id="a number as text"),
        pytest.param(lambda h: h.replace(b'"position":1200', b'"position":' + b"9" * 30), id="beyond 64 bits"),
        pytest.param(lambda h: h.replace(b",", b", "), id="spaces"),
        pytest.param(lambda h: h.replace(b"{", b'{"late":9,', 1), id="a key twice"),
    ],
)
def test_a_marker_that_nobody_writes_is_refused(change: Callable[[bytes], bytes]) -> None:
    assert decode_message(_with_header(lambda header: header)) == forms.MARKER
    with pytest.raises(WireError):
        decode_message(_with_header(change))


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "[]",
        "\udcff",
        '{"v":1}',
        forms.golden("commit.v1").decode().replace('"late":1', '"late":"1"'),
        forms.golden("commit.v1").decode().replace("[1000,-5]", "[1000]"),
        forms.golden("commit.v1").decode().replace('"late":1,', ""),
        forms.golden("commit.v1").decode().replace('"late"', '"more"'),
    ],
)
def test_a_commit_that_nobody_writes_is_refused(metadata: str) -> None:
    with pytest.raises(StateError):
        decode_progress(metadata, SourcePartition("events", 3), *forms.COMMITTED)


@pytest.mark.parametrize("kind", [GroupMemory, PartitionMemory])
@pytest.mark.parametrize("body", [b"{}", b"[]", b"7", b'{"closed_through_ms":"1","signals":{},"traces":{}}'])
def test_a_state_record_that_nobody_writes_is_refused(
    kind: type[GroupMemory] | type[PartitionMemory], body: bytes
) -> None:
    with pytest.raises(StateError):
        kind.decode(sealed(b"\x01" + body))


@pytest.mark.parametrize(
    "key", [b"", b"nonsense", b"7", b"[]", b"[0,1]", b'[0,1,"group"]', b'[0,1,"window","m"]', b'[0,true,"partition"]']
)
def test_a_key_that_nobody_writes_is_refused(key: bytes) -> None:
    with pytest.raises(StateError, match="key is damaged"):
        kept_of(0, {key: b""}, {})


@pytest.mark.parametrize("value", ["!!bool x", "!!int ''", "!!timestamp x", "0001-01-01T00:00:00+23:59"])
def test_yaml_that_its_reader_breaks_on_is_a_mistake_in_one_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "driftline.yaml"
    path.write_text(f"kafka: {value}\n")
    with pytest.raises(ConfigError) as refused:
        read_config(path)
    assert len(str(refused.value).splitlines()) == 1


def test_a_map_whose_keys_are_bytes_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    columns = [pa.array([1_700_000_000_000]), pa.array([[(b"a", 1)]], pa.map_(pa.binary(), pa.int64()))]
    parquet.write_table(pa.table(columns, names=["ts", "x"]), path)
    with pytest.raises(InputError, match="keys must be str"):
        list(read_events(path, Config()))


def test_all_of_these_are_errors_of_ours() -> None:
    assert all(issubclass(error, DriftlineError) for error in (ConfigError, InputError, StateError, WireError))
