"""How we ask HTTP servers: who we are, and whom we trust."""

from base64 import b64encode
from ssl import SSLContext

from pipeline.connections.secret import read_secret
from pipeline.connections.tls import trusting
from schemas.security_config import AccessConfig


def authorization(access: AccessConfig, setting: str) -> dict[str, str]:
    """The header that says who we are; none where nobody asks. Raises InputError for a secret that is not to be had."""
    if access.token is not None:
        return {"Authorization": f"Bearer {read_secret(access.token, f'{setting}.token')}"}
    if access.password is not None:
        both = f"{access.username}:{read_secret(access.password, f'{setting}.password')}"
        return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}
    return {}


def trust(access: AccessConfig, setting: str) -> SSLContext:
    """For addresses that begin with https. Raises InputError for a file that will not do."""
    return trusting(access.ca_file, f"{setting}.ca_file")
