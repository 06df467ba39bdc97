"""`python -m tests.kafka`: Apache Kafka in the foreground, for trying things."""

import argparse
import signal
import sys

from tests.kafka.broker import BrokerError, KafkaBroker
from tests.kafka.libs import KafkaUnavailableError, kafka_version

NEXT = """\
Apache Kafka {version} answers at {servers}. Ctrl-C ends it and removes its data.
Topics do not appear by being written to; create them first. Then, in another terminal:

  KAFKA_BOOTSTRAP_SERVERS={servers} make test
      runs the tests against this broker

  .venv/bin/driftline run -c driftline.yaml
      runs a worker, where the file has
      kafka: {{bootstrap_servers: "{servers}", topics: [your.topic]}}
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kafka", description=__doc__)
    parser.add_argument("--port", type=int, default=9092)
    port = parser.parse_args().port
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(port)
    except KeyboardInterrupt:
        return 0
    except (BrokerError, KafkaUnavailableError) as failure:
        print(failure, file=sys.stderr)
        return 1


def _run(port: int) -> int:
    with KafkaBroker(port) as broker:
        print(NEXT.format(version=kafka_version(), servers=broker.bootstrap_servers), flush=True)
        code = broker.wait()
        print(f"The broker ended by itself, with exit code {code}:\n{broker.log_tail()}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
