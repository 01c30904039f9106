"""The application's version, also the package's."""

__version__ = "0.1.0"
