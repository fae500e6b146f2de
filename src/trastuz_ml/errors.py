"""The errors that a caller of trastuz_ml would want to catch.

Each message says what was expected, what was found, and what to do. The command line prints the
message and ends with exit code 1.
"""


class TrastuzError(Exception):
    """Any condition that trastuz_ml reports on purpose."""


class InputError(TrastuzError, ValueError):
    """A file or table does not hold what it must hold."""


class ConfigurationError(TrastuzError, ValueError):
    """An experiment file or an argument asks for something that cannot be done."""


class EvidenceError(TrastuzError, ValueError):
    """The data cannot support what was asked: too few patients, one class only, an outcome in disguise."""


class OutputExistsError(TrastuzError, FileExistsError):
    """An output is already there and ``force`` was not given."""


class ModelError(TrastuzError, ValueError):
    """A stored model is damaged, was made by other versions, or may not be loaded."""
