"""Access control lists, written as `kafka-acls.sh` takes them and applied by kafka-python."""

import argparse
import shlex
from collections.abc import Iterable, Iterator

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

_COMMAND = argparse.ArgumentParser(prog="kafka-acls.sh", exit_on_error=False, allow_abbrev=False)
_COMMAND.add_argument("--bootstrap-server", required=True)
_COMMAND.add_argument("--add", action="store_true", required=True)
_COMMAND.add_argument("--allow-principal", required=True)
_COMMAND.add_argument("--resource-pattern-type", choices=["literal", "prefixed"], default="literal")
for _option in ("--operation", "--topic", "--group"):
    _COMMAND.add_argument(_option, action="append", default=[])


def commands(script: str) -> Iterator[list[str]]:
    """The arguments of each `kafka-acls.sh` of a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "kafka-acls.sh", f"not a command for access control lists: {line!r}"
            yield words[1:]


def allow(servers: str, arguments: Iterable[str]) -> None:
    """Does what `kafka-acls.sh` does with these arguments."""
    asked = _COMMAND.parse_args(list(arguments))
    resources = [(ResourceType.TOPIC, name) for name in asked.topic]
    resources += [(ResourceType.GROUP, name) for name in asked.group]
    pattern = ACLResourcePatternType[asked.resource_pattern_type.upper()]
    acls = [
        ACL(
            principal=asked.allow_principal,
            host="*",
            operation=ACLOperation[_constant(operation)],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(kind, name, pattern),
        )
        for operation in asked.operation
        for kind, name in resources
    ]
    assert acls, f"nothing is allowed by {asked}"
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        answer = admin.create_acls(acls)
    assert not answer["failed"], answer


def _constant(operation: str) -> str:
    """DESCRIBE_CONFIGS of DescribeConfigs."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in operation).lstrip("_").upper()
