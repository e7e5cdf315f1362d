"""The errors that a user of relx can meet. The command line prints their message and exits with code 2."""


class RelxError(Exception):
    """Something that the user can mend; the message says what, where and what to do."""


class ConfigError(RelxError):
    """An experiment file that cannot be read, does not fit its components, or asks for impossible values."""


class RegistrationError(RelxError):
    """A component whose registration is at fault: a duplicate name, an unusable signature."""


class PluginError(RelxError):
    """A plugin that cannot be imported, or one that an archive needs and that is not here."""


class DataError(RelxError):
    """A corpus file or an input line that does not hold what was expected. Starts with ``file:line``."""


class ArchiveError(RelxError):
    """A model archive that is damaged, foreign, unsafe, or of another format version."""


class TrainingError(RelxError):
    """A run that cannot start or go on: the output folder is taken, the loss is not finite."""


class MissingExtra(RelxError):
    """A command or a callback that needs a package which relx does without, and which is not installed."""


def is_panic(error: BaseException) -> bool:
    """Return whether an error is a panic of a library written in Rust, which is no Exception."""
    return type(error).__name__ == "PanicException"
