"""Simulation of one workload on one design."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import _core
from ._core import InputError
from .campaign import program
from .result import Result


def _text_of(value: str | os.PathLike[str] | Mapping[str, Any], name: str) -> tuple[str, str, str]:
    """JSON text, the name for messages, and the folder that relative paths start from."""
    if isinstance(value, Mapping):
        return json.dumps(value), name, ""
    path = Path(value)
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape"), str(path), str(path.parent)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def simulate(
    design: str | os.PathLike[str] | Mapping[str, Any],
    workload: str | os.PathLike[str],
    *,
    fidelity: str = "cycle",
    mapping: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    batch: int = 1,
    model: str | os.PathLike[str] | None = None,
    seed: int = 1,
) -> Result:
    """Runs `workload` (a path to .onnx, .csv or .json, or "zoo:NAME") on `design` (a path, or the design as a dictionary).

    Args:
        fidelity: "analytical", "surrogate" (with `model`), "cycle" or "rtl".
        mapping: a mapping file or its content; without one, a mapping is chosen per layer and returned as `total.mapping`.
        batch: batch size, 1 to 4096.
        model: a surrogate's file, only for fidelity "surrogate".
        seed: of values that the model leaves open (fidelity "rtl").

    Raises:
        gnomon.InputError: something is wrong with a file or value; all problems at once, as `file: /pointer: ...`.
        gnomon.UnsupportedError: the model or the design has something for which no model is built.
    """
    if not 1 <= batch <= 4096:
        raise InputError(f"batch: found {batch}; allowed: 1 to 4096")
    if fidelity == "rtl":
        # RTL runs in a child process, and that child is the program, not this interpreter.
        os.environ.setdefault("GNOMON_COSIM_WORKER", str(program()))
    design_text, design_file, base = _text_of(design, "design")
    mapping_text = "" if mapping is None else _text_of(mapping, "mapping")[0]
    answer = _core.simulate(
        design_text.encode("utf-8", "surrogateescape"),
        design_file,
        base,
        os.fspath(workload),
        batch,
        mapping_text.encode("utf-8", "surrogateescape"),
        fidelity,
        "" if model is None else os.fspath(model),
        seed,
    )
    return Result.from_document(json.loads(answer))
