"""Learned models of latency, energy and resources, with intervals."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InputError, SurrogateModel


@dataclass(frozen=True)
class Prediction:
    """Answers for n rows: `mean`, `lower`, `upper` [n, targets] (90 % intervals), `in_range` [n]: whether the row is inside what training saw.

    `reasons` [n] names the features that are outside, or `members disagree` where none is; empty for rows in range.
    `metrics` [n] has all totals of a workload (`predict(designs, workload=...)`), those without an interval too; else it is empty.
    """

    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    in_range: NDArray[np.bool_]
    reasons: list[list[str]]
    metrics: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Explanation:
    """What moved n answers away from the usual one: `usual`, `answer` [n, targets], `contributions` [n, targets, features] that add up to the difference."""

    usual: NDArray[np.float64]
    answer: NDArray[np.float64]
    contributions: NDArray[np.float64]


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_csv") and hasattr(value, "columns")


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as paths: `{"array": {"rows": 8}}` is `{"array.rows": 8}`; members of a list go by their `name`, or by their index."""
    out: dict[str, Any] = {}
    for key, value in record.items():
        path = f"{prefix}{key}"
        if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            value = {str(item.get("name", i)) if isinstance(item, Mapping) else str(i): item for i, item in enumerate(value)}
        if isinstance(value, Mapping):
            out.update(_flat(value, path + "."))
        else:
            out[path] = json.dumps(value) if isinstance(value, (list, tuple)) else value
    return out


def _tabular(value: Any) -> Any:
    """Lists of records (designs as JSON, flat dicts) as a data frame; anything else as it is."""
    records = _records(value)
    if records is None:
        return value
    import pandas as pd

    return pd.DataFrame([_flat(item) for item in records])


def _records(value: Any) -> list[Mapping[str, Any]] | None:
    """A dict, or a list of dicts, as a list; None for anything else."""
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, Mapping) for item in value):
        return list(value)
    return None


def _numbers(value: Any, what: str) -> NDArray[np.float64]:
    """An array of numbers [n, columns]; NaN is missing."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{what}: found an array that does not hold numbers alone ({problem}); allowed: numbers (NaN: missing), or a data frame or list of dicts for words") from None
    return np.atleast_2d(array)


class Surrogate:
    """A trained surrogate. `info`: features with units and ranges, targets, metrics per split, provenance."""

    def __init__(self, model: SurrogateModel | str | os.PathLike[str]) -> None:
        """A model file, or the name of a shipped model (`network`, `accelerator`, `design`, `kernel`, `part`, `part-trace`)."""
        self._model = model if isinstance(model, SurrogateModel) else SurrogateModel.load(os.fspath(model))
        self.info: dict[str, Any] = json.loads(self._model.info())
        self._features: list[str] = [feature["name"] for feature in self.info["features"]]
        self._by_designs: bool = self._model.takes_designs()

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
        family: str = "auto",
    ) -> Surrogate:
        """Trains on arrays X [n, features] and Y [n, targets] (NaN: missing), or on one data frame (or list of dicts) X with named columns.

        Args:
            features: names of X's columns; for a data frame default all columns but targets and the group.
            targets: names of Y's columns, or the frame's columns to predict.
            family: `auto` picks per target on held-out groups and sizes; or `ensemble`, `trees`, `process`.
            groups: n labels, or a frame's column name: rows of equal group stay together when rows are held out.
        """
        X = _tabular(X)
        if _is_frame(X):
            if Y is not None:
                raise InputError("Y: found with a data frame; allowed: targets named in the frame itself")
            if groups is not None and not isinstance(groups, str):
                raise InputError("groups: with a data frame, the name of a column")
            model = SurrogateModel.train_csv(X.to_csv(index=False), list(features or ()), list(targets), groups or "", seed, label_kind, family)
            return cls(model)
        if Y is None:
            raise InputError("Y: missing; with an array X, an array of labels [n, targets] is due")
        x, y = _numbers(X, "X"), _numbers(Y, "Y")
        y = y.reshape(-1, 1) if np.ndim(Y) == 1 else y
        names = list(features) if features is not None else [f"x{i}" for i in range(x.shape[1])]
        labels = None if groups is None else [str(group) for group in groups]
        return cls(SurrogateModel.train_arrays(x, y, names, list(targets), labels, seed, label_kind, family))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Surrogate:
        """Reads a model file; damaged and foreign files raise InputError."""
        return cls(SurrogateModel.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        self._model.save(os.fspath(path))

    @property
    def features(self) -> list[str]:
        return list(self._features)

    @property
    def targets(self) -> list[str]:
        return [target["name"] for target in self.info["targets"]]

    def predict(self, X: Any, *, workload: str | os.PathLike[str] | None = None, batch: int = 1) -> Prediction:
        """Predicts for an array [n, features] in the order of `features`, a data frame with those columns, or a list of dicts.

        Dicts are rows, designs or kernels as JSON, or networks as records of the wa-hls4ml schema (with `model_config`).

        Args:
            workload: what the designs X run ("zoo:NAME", or a path): whole-network totals by a model of operators (`accelerator`) or of a campaign. `mean`, `lower` and `upper`
                have the model's `targets` as columns, `metrics` all totals; an operator out of range puts the whole out of range.
            batch: batch size of the workload.
        """
        if workload is not None:
            return self._predict_workload(X, os.fspath(workload), batch)
        if _is_frame(X):
            return self._predict_frame(X)
        records = _records(X)
        if records is not None:
            if self._by_designs and all("cores" in item for item in records):
                return Prediction(*self._model.predict_designs(json.dumps(records)))
            if all("body" in item and "tensors" in item for item in records):
                return Prediction(*self._model.predict_kernels(json.dumps(records)))
            if all("model_config" in item for item in records):
                return Prediction(*self._model.predict_records(json.dumps(records)))
            return self._predict_frame(_tabular(records))
        if isinstance(X, np.ndarray) and X.dtype == np.float64 and X.ndim == 2:
            return Prediction(*self._model.predict_array(X))
        if np.size(X) == 0 and np.ndim(X) < 2:
            raise InputError(f"X: is empty; allowed: rows of {len(self.features)} features ({', '.join(self.features)})")
        return Prediction(*self._model.predict_array(_numbers(X, "X")))

    def _predict_frame(self, frame: Any) -> Prediction:
        names = frame.columns.tolist()
        answer = None
        if all(type(name) is str for name in names):
            answer = self._model.predict_cells(names, frame.to_numpy(dtype=object))
        return Prediction(*(answer or self._model.predict_csv(frame.to_csv(index=False))))

    def _predict_workload(self, designs: Any, workload: str, batch: int) -> Prediction:
        records = _records(designs)
        if records is None or not all("cores" in item for item in records):
            raise InputError("X: with a workload, a design (as a dict) or a list of designs is due")
        if not 1 <= batch <= 4096:
            raise InputError(f"batch: found {batch}; allowed: 1 to 4096")
        model = workload if workload.startswith("zoo:") else os.path.abspath(workload)
        answers = json.loads(self._model.predict_workload(json.dumps(records), model, batch, ""))
        missing = [name for name in self.targets if any(name not in answer["metrics"] or name not in answer["intervals"] for answer in answers)]
        if missing:
            raise InputError(f"X: the model's targets {', '.join(missing)} are no totals of a workload")
        mean = np.array([[answer["metrics"][name] for name in self.targets] for answer in answers], dtype=np.float64)
        ends = np.array([[answer["intervals"][name] for name in self.targets] for answer in answers], dtype=np.float64)
        in_range = np.array([answer["in_range"] for answer in answers], dtype=np.bool_)
        reasons = [[] if answer["in_range"] else ["an operator lies outside what training saw"] for answer in answers]
        return Prediction(mean, ends[:, :, 0], ends[:, :, 1], in_range, reasons, [answer["metrics"] for answer in answers])

    def _frame(self, value: Any, what: str) -> Any:
        """A data frame; an array [n, features] gets the model's names, and the words that its numbers stand for."""
        value = _tabular(value)
        if _is_frame(value):
            return value
        import pandas as pd

        array = _numbers(value, what)
        if array.ndim != 2 or array.shape[1] != len(self.features):
            raise InputError(f"{what}: found an array of shape {list(array.shape)}; allowed: [rows, {len(self.features)}]")
        columns: dict[str, Any] = {}
        for feature, column in zip(self.info["features"], array.T, strict=True):
            words = feature["categories"]
            columns[feature["name"]] = [words[int(c)] if 0 <= c < len(words) and c == int(c) else "never seen" for c in column] if words else column
        return pd.DataFrame(columns)

    def suggest(self, pool: Any, labelled: Any = None, *, count: int = 32, seed: int = 1) -> NDArray[np.intp]:
        """Rows of `pool` to label next, best first: data frames, lists of dicts, or arrays [n, features].

        Args:
            labelled: the rows that have labels; what is like them need not be asked.
            count: rows to choose.
            seed: decides which of many candidates are looked at.
        """
        known = "" if labelled is None else self._frame(labelled, "labelled").to_csv(index=False)
        return np.array(self._model.suggest_csv(self._frame(pool, "pool").to_csv(index=False), known, count, seed), dtype=np.intp)

    def explain(self, X: Any, background: Any, *, orders: int = 32, seed: int = 1) -> Explanation:
        """Shapley values of each answer against the usual row of `background` (medians, most frequent words): data frames, lists of dicts, or arrays [n, features]."""
        asked, known = self._frame(X, "X"), self._frame(background, "background")
        return Explanation(*self._model.explain_csv(asked.to_csv(index=False), known.to_csv(index=False), orders, seed))
