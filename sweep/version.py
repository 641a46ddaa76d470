"""The version of this package, where code that is not installed finds it too."""

__version__ = "0.2.0"
