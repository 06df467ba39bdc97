"""The errors that a user can see. `str(error)` is one clear line each, saying what is wrong and what to do.

    DriftlineError
     ├── ConfigError   (ValueError)   the configuration holds a mistake; a line for each
     ├── WireError     (ValueError)   a message is corrupt, or of a version not known here
     ├── StateError                   what is stored contradicts what is configured, or itself
     ├── BrokerError                  Kafka cannot be reached, or a topic is missing or not as it must be
     └── InputError    (ValueError)   a file cannot be read, or is of a format not known here

Those that are a ValueError too are about what was given; the others are about the world.
"""


class DriftlineError(Exception):
    """The root: whatever Driftline refuses on purpose."""


class ConfigError(DriftlineError, ValueError):
    """The configuration holds mistakes: one line each, with the path, the value and what is allowed."""


class WireError(DriftlineError, ValueError):
    """Bytes that are corrupt, or of a version not known here."""


class StateError(DriftlineError):
    """Stored state contradicts what is there now: a changed block size or window length, a topic created anew, a
    table's value that does not match its checksum."""


class BrokerError(DriftlineError):
    """Kafka cannot be reached, or a topic is missing or not as it must be."""


class InputError(DriftlineError, ValueError):
    """A file cannot be read, or is of a format not known here."""
