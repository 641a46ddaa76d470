"""The version of this package, which is also known if the package is not installed."""

__version__ = "0.2.0"
