"""Learned models of latency, energy and resources, with intervals."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InputError, SurrogateModel


@dataclass(frozen=True)
class Prediction:
    """Answers for n rows: `mean`, `lower`, `upper` [n, targets] (90 % intervals), `in_range` [n]: whether the row is inside what training saw."""

    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    in_range: NDArray[np.bool_]


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_csv") and hasattr(value, "columns")


class Surrogate:
    """A trained surrogate. `info`: features with units and ranges, targets, metrics per split, provenance."""

    def __init__(self, model: SurrogateModel) -> None:
        self._model = model
        self.info: dict[str, Any] = json.loads(model.info())

    @classmethod
    def train(
        cls,
        X: Any,
        Y: Any = None,
        *,
        features: Sequence[str] | None = None,
        targets: Sequence[str],
        groups: Any = None,
        seed: int = 1,
        label_kind: str = "",
    ) -> Surrogate:
        """Trains on arrays X [n, features] and Y [n, targets] (NaN: missing), or on one data frame X with named columns.

        Args:
            features: names of X's columns; for a data frame default all columns but targets and the group.
            targets: names of Y's columns, or the frame's columns to predict.
            groups: n labels, or a frame's column name: rows of equal group stay together when rows are held out.
        """
        if _is_frame(X):
            if Y is not None:
                raise InputError("Y: found with a data frame; allowed: targets named in the frame itself")
            if groups is not None and not isinstance(groups, str):
                raise InputError("groups: with a data frame, the name of a column")
            model = SurrogateModel.train_csv(X.to_csv(index=False), list(features or ()), list(targets), groups or "", seed, label_kind)
            return cls(model)
        x = np.atleast_2d(np.asarray(X, dtype=np.float64))
        y = np.asarray(Y, dtype=np.float64)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        names = list(features) if features is not None else [f"x{i}" for i in range(x.shape[1])]
        labels = None if groups is None else [str(group) for group in groups]
        return cls(SurrogateModel.train_arrays(x, y, names, list(targets), labels, seed, label_kind))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Surrogate:
        """Reads a model file; damaged and foreign files raise InputError."""
        return cls(SurrogateModel.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        self._model.save(os.fspath(path))

    @property
    def features(self) -> list[str]:
        return [feature["name"] for feature in self.info["features"]]

    @property
    def targets(self) -> list[str]:
        return [target["name"] for target in self.info["targets"]]

    def predict(self, X: Any) -> Prediction:
        """Predicts for an array [n, features] in the order of `features`, or a data frame with those columns."""
        if _is_frame(X):
            answer = self._model.predict_csv(X.to_csv(index=False))
        else:
            answer = self._model.predict_array(np.atleast_2d(np.asarray(X, dtype=np.float64)))
        return Prediction(*answer)
