"""TLS contexts, of the files that the configuration names. Python's own errors do not say which file is wrong, so each
is looked at by itself."""

import ssl
from pathlib import Path

from pipeline.connections.secret import read_secret
from schemas.errors import InputError
from schemas.security_config import SecretSource, ServerTlsConfig, TlsConfig


def client_context(config: TlsConfig, setting: str) -> ssl.SSLContext:
    """For connections to a server. Raises InputError, by the name of the setting, for a file that will not do."""
    context = trusting(config.ca_file, f"{setting}.ca_file")
    context.check_hostname = config.check_hostname
    if config.certificate_file:
        _show(context, config.certificate_file, config.key_file, config.key_password, setting)
    return context


def server_context(config: ServerTlsConfig, setting: str) -> ssl.SSLContext:
    """For a port of ours. Raises InputError, by the name of the setting, for a file that will not do."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _show(context, config.certificate_file, config.key_file, config.key_password, setting)
    return context


def trusting(ca_file: str, setting: str) -> ssl.SSLContext:
    """Trusts the authorities in a file, those of the system where it is empty."""
    if not ca_file:
        return ssl.create_default_context()
    _readable(ca_file, setting)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise InputError(f"{setting}: {ca_file} holds no certificate in PEM form") from None


def _show(
    context: ssl.SSLContext, certificate_file: str, key_file: str, password: SecretSource | None, setting: str
) -> None:
    """Has the context show a certificate."""
    _readable(certificate_file, f"{setting}.certificate_file")
    if key_file:
        _readable(key_file, f"{setting}.key_file")
    # A password is always given, if an empty one: without, OpenSSL asks on the terminal.
    opens = "" if password is None else read_secret(password, f"{setting}.key_password")
    try:
        context.load_cert_chain(certificate_file, key_file or None, opens)
    except (ssl.SSLError, ValueError) as error:
        raise InputError(f"{setting}: {_fault(error, certificate_file, key_file)}") from None


def _fault(error: Exception, certificate_file: str, key_file: str) -> str:
    key = key_file or certificate_file
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {certificate_file}"
    return (
        f"{certificate_file} and its key in {key} cannot be loaded: both must be PEM, and an encrypted key needs "
        "the right key_password"
    )


def _readable(path: str, setting: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{setting}: {path}: {error.strerror}") from error
