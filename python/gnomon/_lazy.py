"""Packages that only some calls need."""

from __future__ import annotations

import importlib
from types import ModuleType

from ._core import UnsupportedError


def need(package: str, purpose: str) -> ModuleType:
    """The package, or an UnsupportedError that says what it is for and how to get it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UnsupportedError(f"{purpose} needs the Python package {package}: pip install {package}") from error
