"""How connections are secured: TLS, who we are, and where the secrets are. A secret itself never stands here."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.settings import FilePath, Link, Name, Section

_WHERE = "{env: NAME} for an environment variable, or {file: PATH}"


class SecretSource(Section):
    """Where a secret is read from, each time a connection is made."""

    env: Annotated[str, Field(max_length=200)] = ""
    """The name of an environment variable."""

    file: FilePath = ""
    """The path of a file that holds it, relative to the configuration's folder."""

    @model_validator(mode="after")
    def _is_one_place(self) -> "SecretSource":
        if bool(self.env) == bool(self.file):
            raise ValueError(f"must name one place; write {_WHERE}")
        if self.env and not (self.env.isascii() and self.env.isidentifier()):
            # Not shown: it may be the secret itself.
            raise ValueError("env must be the name of an environment variable: letters, digits and '_'")
        return self


def _no_secret(value: object) -> object:
    """Refuses a secret that is written down, without saying it again."""
    if value is None or isinstance(value, dict | SecretSource):
        return value
    raise ValueError(f"a secret must not stand in the configuration; write {_WHERE}")


Secret = Annotated[SecretSource, BeforeValidator(_no_secret)]
OptionalSecret = Annotated[SecretSource | None, BeforeValidator(_no_secret)]


class TlsConfig(Section):
    """TLS to a server. `{}` is TLS with the certificate authorities that the system knows."""

    ca_file: FilePath = ""
    """PEM, the authorities to trust; empty for those of the system."""

    certificate_file: FilePath = ""
    """PEM, our own certificate, where the server asks for one: mutual TLS."""

    key_file: FilePath = ""
    """PEM, its private key; empty where it stands in the same file."""

    key_password: OptionalSecret = None
    """What the key is encrypted with."""

    check_hostname: bool = True
    """Whether the server's certificate must be of the name that it is called by."""

    @model_validator(mode="after")
    def _has_the_certificate(self) -> "TlsConfig":
        if (self.key_file or self.key_password) and not self.certificate_file:
            raise ValueError("key_file and key_password go with certificate_file; set it, too")
        return self


class ServerTlsConfig(Section):
    """TLS of a port that we serve."""

    certificate_file: Annotated[FilePath, Field(min_length=1)]
    """PEM, the certificate, and those between it and the authority."""

    key_file: FilePath = ""
    """PEM, its private key; empty where it stands in the same file."""

    key_password: OptionalSecret = None
    """What the key is encrypted with."""


class OAuthConfig(Section):
    """Access tokens for OAUTHBEARER, by the client credentials grant."""

    token_url: Annotated[Link, Field(min_length=1)]
    """The token endpoint."""

    client_id: Name
    client_secret: Secret
    scope: str = ""
    ca_file: FilePath = ""
    """PEM, the authorities to trust for the token endpoint; empty for those of the system."""

    extensions: dict[str, str] = Field(default_factory=dict)
    """SASL extensions that the broker wants, as logicalCluster."""

    @model_validator(mode="after")
    def _has_proper_extensions(self) -> "OAuthConfig":
        for name, value in self.extensions.items():
            if not (name.isascii() and name.isalpha()) or name == "auth" or not value.isprintable():
                raise ValueError(f"extensions: {name!r} must be letters, and not auth; its value one line")
        return self


class SaslConfig(Section):
    """Who we are to the broker."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
    username: str = ""
    password: OptionalSecret = None
    oauth: OAuthConfig | None = None
    """For OAUTHBEARER, in place of username and password."""

    @model_validator(mode="after")
    def _has_what_it_takes(self) -> "SaslConfig":
        named = bool(self.username), self.password is not None
        if self.mechanism == "OAUTHBEARER":
            if self.oauth is None or any(named):
                raise ValueError("mechanism OAUTHBEARER needs oauth, and no username or password")
        elif not all(named) or self.oauth is not None:
            raise ValueError(f"mechanism {self.mechanism} needs username and password, and no oauth")
        return self


class SecurityConfig(Section):
    """How every connection to Kafka is secured. Neither: plaintext, and nobody in particular."""

    tls: TlsConfig | None = None
    sasl: SaslConfig | None = None

    @property
    def protocol(self) -> str:
        """As Kafka calls it."""
        encrypted = "PLAINTEXT" if self.tls is None else "SSL"
        return encrypted if self.sasl is None else f"SASL_{encrypted}"

    @property
    def user(self) -> str:
        """Who we say we are, for people to read; empty where the certificate says it, or nothing does."""
        if self.sasl is None:
            return ""
        return self.sasl.username if self.sasl.oauth is None else self.sasl.oauth.client_id


class AccessConfig(Section):
    """How an HTTP server is asked: with a name and a password, or a token, or neither."""

    username: Annotated[str, Field(max_length=200, pattern="^[^:]*$")] = ""
    password: OptionalSecret = None
    token: OptionalSecret = None
    """A bearer token, in place of username and password."""

    ca_file: FilePath = ""
    """PEM, the authorities to trust; empty for those of the system."""

    @model_validator(mode="after")
    def _is_one_way(self) -> "AccessConfig":
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password go together; set both or neither")
        if self.username and self.token is not None:
            raise ValueError("has a password and a token; write one of them")
        return self
