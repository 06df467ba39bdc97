"""Messages of the profiles topic, alone and as the monitor takes them."""

from functools import cache
from random import Random

from detectors.lenses.frozen import Frozen
from pipeline.history.local import LocalIngest
from pipeline.monitor.partition_monitor import PartitionMonitor
from pipeline.monitor.standards.standards import Standards
from schemas import codec
from schemas.config import Config
from schemas.errors import StateError, WireError
from schemas.packet import Marker, Packet, decode_message, encode_marker, encode_packet
from tests.fuzz.decoder import Decoder, same
from tests.fuzz.documents import changed, oddly_written, text_of
from tests.fuzz.mutation import CHECKSUM, mutated, noise, resealed, sealed
from tests.fuzz.profiles import changed_profile
from tests.pipeline.events import encode, loans
from tests.upgrade.forms import scorer

CONFIG = Config.from_mapping(
    {
        "window": {"length": "20s", "allowed_lateness": "1s"},
        "models": [{"name": "loan", "segments": ["tags.country"], "baseline": {"learn": {"windows": 2}}}],
    }
)
_FIXED = 8


@cache
def valid_log() -> tuple[bytes, ...]:
    """Packets and markers of a few windows, in order; the events of whole models are scored."""
    events = [encode(e) for e in loans(70, 40)]
    return tuple(written(m) for m in LocalIngest(CONFIG, {"loan": Frozen(None, scorer())}).messages([events]))


def written(message: Packet | Marker) -> bytes:
    return encode_packet(message) if isinstance(message, Packet) else encode_marker(message)


def changed_message(random: Random) -> bytes:
    """A packet or marker with its frame, its header or its payload changed, nearly always with the right checksums."""
    data = random.choice(valid_log())
    choice = random.random()
    if choice < 0.05:
        return sealed(random.choice((b"DL\x01", b"DL\x02")) + random.choice((b"P", b"M", b"X")) + noise(random))
    if choice < 0.3:
        return resealed(random, mutated(random, data, valid_log()))
    start, header, payload = _parts(data)
    if choice < 0.6:
        header = text_of(changed(random, codec.decode(header)))
    elif choice < 0.7:
        header = oddly_written(random, header)
    elif choice < 0.8:
        header = mutated(random, header, [h for _, h, _ in map(_parts, valid_log())])
    else:
        payload = changed_profile(random)
    return sealed(start + len(header).to_bytes(4, "big") + header + payload)


def _parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the header's length, the header, the payload."""
    end = _FIXED + int.from_bytes(data[4:_FIXED], "big")
    return data[:4], data[_FIXED:end], data[end:-CHECKSUM]


def _read_message(data: bytes) -> int:
    try:
        message = decode_message(data)
    except WireError:
        return 0
    same(written(message), data, "a message read and written again")
    return 1


def _log_with_strangers(random: Random) -> list[bytes]:
    log = list(valid_log())
    for _ in range(random.choice((1, 1, 2, 3))):
        log.insert(random.randrange(len(log) + 1), changed_message(random))
    return log


def _monitor(log: list[bytes]) -> int:
    """A monitor takes the log to its end, or to what it says cannot be mended."""
    monitor = PartitionMonitor(CONFIG, Standards(CONFIG, {}))
    closed = 0
    for offset, data in enumerate(log):
        try:
            for closing in monitor.take(decode_message(data), offset):
                closed += 1
                assert closing.records == sorted(closing.records, key=lambda record: record.group.order)
        except WireError:
            continue
        except StateError:
            break
    return closed


DECODERS = (
    Decoder("messages", 1700, changed_message, _read_message),
    Decoder("monitor", 4, _log_with_strangers, _monitor),
)
