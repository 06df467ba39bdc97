"""Apache Kafka with its doors shut: TLS with client certificates, SASL over TLS, and access control lists.

The plaintext listener stays, for who sets up a test; whoever comes there may do everything.
"""

import shutil
import tempfile
from pathlib import Path

from tests.kafka.broker import Addition, KafkaBroker, free_port
from tests.kafka.certificates import Authority

USER, PASSWORD = "driftline", "sesame=open"
"""A user of all mechanisms. The certificate of the mutual listener is of another, `CN=worker`."""

POOR_USER = "poor"
"""Known by the same password, and may do nothing."""

READER = "reader"
"""The user of the document who only reads; by the same password, too."""

_USERS = dict.fromkeys((USER, READER, POOR_USER), PASSWORD)
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGIN = "org.apache.kafka.common.security"
_PROPERTIES = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:CN=worker
ssl.keystore.type=PEM
ssl.keystore.location={store}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
listener.name.mutual.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl.plain.sasl.jaas.config={login}.plain.PlainLoginModule required {plain};
listener.name.sasl.scram-sha-256.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
listener.name.sasl.oauthbearer.sasl.jaas.config={login}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
"""


class SecuredBroker(KafkaBroker):
    """A broker with listeners for `mutual` and `sasl` beside the plain one, and certificates in `folder`. It takes
    OAUTHBEARER tokens that nobody signed."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="driftline-certificates-"))
        self.authority = Authority(self.folder)
        certificate, key = self.authority.issue("broker")
        store = self.folder / "broker.store"
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        self.certificate, self.key = self.authority.issue("worker", password=PASSWORD)
        self.mutual, self.sasl = free_port(), free_port()
        plain = " ".join(f'user_{name}="{password}"' for name, password in _USERS.items())
        properties = _PROPERTIES.format(store=store, authority=self.authority.file, login=_LOGIN, plain=plain)
        known = [f"{way}=[name={name},password={word}]" for way in _SCRAM for name, word in _USERS.items()]
        super().__init__(
            addition=Addition(
                {"MUTUAL": (self.mutual, "SSL"), "SASL": (self.sasl, "SASL_SSL")},
                properties,
                tuple(word for one in known for word in ("--add-scram", one)),
            )
        )

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
