"""The error tree. A message is one sentence: the object by kind and name, what is wrong, got, expected, what to do."""


class MultiscaleError(Exception):
    """Base of every error that this package raises on purpose."""


class ModelError(MultiscaleError, ValueError):
    """A model value (region, species, process, ...) that cannot mean anything; raised by its constructor."""


class UnitError(ModelError):
    """Units that do not fit: raised where an expression is read or a model is checked."""


class GeometryError(MultiscaleError, ValueError):
    """A shape, or a place on a shape, that does not exist."""


class CompileError(MultiscaleError):
    """A model that is right as a value but has no kernel."""


class SolverError(MultiscaleError, RuntimeError):
    """A run that cannot go on: non-finite, negative, or not converging."""


class FormatError(MultiscaleError, ValueError):
    """A file or a dictionary that is not what its format says."""
