"""Learned models of latency, energy and resources, with intervals."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import InputError, SurrogateModel, SurrogateRows


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
    """What moved n answers away from the usual one: `usual`, `answer` [n, targets], `contributions` [n, targets, inputs] that add up to the difference.

    `inputs` names the columns of `contributions`: the model's features and, of models that take nodes, `nodes.NAME` for each feature of all a row's nodes at once.
    `background` says in words what the usual row is.
    """

    usual: NDArray[np.float64]
    answer: NDArray[np.float64]
    contributions: NDArray[np.float64]
    inputs: list[str] = field(default_factory=list)
    background: str = ""


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


def _columns(value: Mapping[str, Any], what: str) -> Any:
    """A dict of columns as a data frame; None where it is one record."""
    if not any(isinstance(entry, np.ndarray) or hasattr(entry, "to_numpy") for entry in value.values()):
        lists = [entry for entry in value.values() if isinstance(entry, (list, tuple))]
        # Lists in one record (a design's cores, a network's layers) stand beside plain values, or hold objects.
        if len(lists) < len(value) or not value or any(isinstance(item, (Mapping, list, tuple)) for entry in lists for item in entry):
            return None
    sizes = {str(name): np.shape(entry) for name, entry in value.items()}
    if any(len(size) != 1 for size in sizes.values()) or len(set(sizes.values())) > 1:
        found = ", ".join(f"{name}: {list(size)}" for name, size in sizes.items())
        raise InputError(f"{what}: found a dict of columns of the shapes {found}; allowed: columns [rows] of one length, or a list of dicts, one a row")
    import pandas as pd

    return pd.DataFrame({str(name): np.asarray(entry) for name, entry in value.items()})


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
        given = np.asarray(value)
        if np.iscomplexobj(given):
            raise InputError(f"{what}: found complex numbers; allowed: real numbers (NaN: missing)")
        array = np.asarray(given, dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError) as problem:
        raise InputError(f"{what}: found an array that does not hold numbers alone ({problem}); allowed: numbers (NaN: missing), or a data frame or list of dicts for words") from None
    return np.atleast_2d(array)


def _labels(value: Any, targets: Sequence[str], what: str = "Y") -> NDArray[np.float64]:
    """Labels [n, targets], NaN where missing: from an array, or from named columns."""
    records = None if _is_frame(value) else _records(value)
    if records is not None:
        import pandas as pd

        columns = _columns(value, what) if isinstance(value, Mapping) else None
        value = columns if columns is not None else pd.DataFrame(records)
    if _is_frame(value):
        if not any(name in value.columns for name in targets):
            raise InputError(f"{what}: has none of the targets {', '.join(targets)}; found the columns {', '.join(map(str, value.columns))}")
        value = value.reindex(columns=list(targets)).to_numpy()
    array = _numbers(value, what)
    if np.isinf(array).any():
        row = int(np.argwhere(np.isinf(array))[0][-1 if np.ndim(value) == 1 else 0]) + 1
        raise InputError(f"{what}: row {row}: found an infinite label; allowed: numbers (NaN: missing)")
    return array.reshape(-1, 1) if np.ndim(value) == 1 else array


def _names(value: str | Sequence[str] | None) -> list[str]:
    """Names from a list, or from one text with commas between, as the command line has them."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return [str(name) for name in value or ()]


def _seed(value: Any) -> int:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value <= 2**53:
        return int(value)
    raise InputError(f"seed: found {value!r}; allowed: a whole number from 0 to 2^53")


def _paths(value: Any, what: str) -> list[str]:
    """The paths that X is or lists; none where it is something else."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        raise InputError(f"{what}: found a text of JSON; give what it says: json.loads(text)")
    if isinstance(value, (str, os.PathLike)):
        return [os.fspath(value)]
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (str, os.PathLike)) for item in value):
        return [path for item in value for path in _paths(item, what)]
    return []


def _cells(frame: Any) -> SurrogateRows | None:
    names = frame.columns.tolist()
    return SurrogateRows.cells(names, frame.to_numpy(dtype=object)) if all(type(name) is str for name in names) else None


def _cells_of(records: list[Mapping[str, Any]]) -> SurrogateRows | None:
    """Flat records without a detour by a data frame; None where its text decides."""
    names = list(records[0])
    if not all(type(name) is str for name in names) or any(list(item) != names for item in records):
        return None
    cells = np.empty((len(records), len(names)), dtype=object)
    for row, item in enumerate(records):
        cells[row] = list(item.values())
    return SurrogateRows.cells(names, cells)


def _rows(value: Any, what: str, model: Surrogate | None, nodes: Any = None, *, quick: bool = False) -> SurrogateRows:
    """Whatever users hold, as rows: paths, data frames, dicts of columns, records, and (for a trained model) arrays. `quick`: by cells where the answer is the same."""
    core = None if model is None else model._model
    paths = _paths(value, what)
    if paths:
        listed = _paths(nodes, "nodes")
        rows = SurrogateRows.files(paths, listed[0] if listed and core is not None else "", core)
        return rows if nodes is None or (listed and core is not None) else _with_nodes(rows, nodes)
    records = None if _is_frame(value) else _records(value)
    if records is not None:
        kind = _kind(records, model, what)
        if kind:
            rows = SurrogateRows.json(json.dumps(records), what, kind, core)
            return rows if nodes is None else _with_nodes(rows, nodes)
        columns = _columns(value, what) if isinstance(value, Mapping) else None
        if columns is None:
            flat: list[Mapping[str, Any]] = [_flat(item) for item in records]
            rows_or_none = _cells_of(flat) if quick else None
            if rows_or_none is not None:
                return rows_or_none if nodes is None else _with_nodes(rows_or_none, nodes)
            import pandas as pd

            columns = pd.DataFrame(flat)
        value = columns
    if _is_frame(value):
        rows_or_none = _cells(value) if quick else None
        rows = rows_or_none if rows_or_none is not None else SurrogateRows.csv(value.to_csv(index=False), what, "")
        return rows if nodes is None else _with_nodes(rows, nodes)
    if core is None or model is None:
        raise InputError(f"{what}: found {type(value).__name__}; allowed: a data frame, a list of dicts, a dict of columns, or a path")
    if np.size(value) == 0 and np.ndim(value) < 2:
        raise InputError(f"{what}: is empty; allowed: rows of {len(model.features)} features ({', '.join(model.features)})")
    return SurrogateRows.array(core, _numbers(value, what), what)


def _with_nodes(rows: SurrogateRows, nodes: Any) -> SurrogateRows:
    rows.set_nodes(_rows(nodes, "nodes", None))
    return rows


def _kind(records: list[Mapping[str, Any]], model: Surrogate | None, what: str) -> str:
    """What JSON the records are, `designs`, `kernels` or `records`; empty: rows."""
    if all("cores" in item for item in records) and model is not None:
        if model._by_designs:
            return "designs"
        if model._by_operators:
            raise InputError(f'{what}: found designs; this model answers operators of a workload on designs: give workload="zoo:resnet18", or whatever they run')
    if all("body" in item and "tensors" in item for item in records):
        return "kernels"
    if all("model_config" in item for item in records):
        return "records"
    if model is not None and model._by_designs and any("cores" in item for item in records):
        at = next(i for i, item in enumerate(records) if "cores" not in item)
        raise InputError(f"{what}: entry {at} is no design (it has no cores), others are; allowed: {model._model.wanted()}")
    return ""


class Surrogate:
    """A trained surrogate. `info`: features with units and ranges, targets, metrics per split, provenance."""

    def __init__(self, model: SurrogateModel | str | os.PathLike[str]) -> None:
        """A model file, or the name of a shipped model (`network`, `accelerator`, `design`, `kernel`, `part`, `part-trace`)."""
        self._model = model if isinstance(model, SurrogateModel) else SurrogateModel.load(os.fspath(model))
        self.info: dict[str, Any] = json.loads(self._model.info())
        self.tested: dict[str, dict[str, float]] = {}
        self._features: list[str] = [feature["name"] for feature in self.info["features"]]
        self._by_designs: bool = self._model.takes_designs()
        self._by_operators: bool = self._model.takes_operators()
        self._by_nodes: bool = self.info["takes_nodes"]
        self._checkpoints = ""

    @classmethod
    def train(
        cls,
        X: Any,
        Y: Any = None,
        *,
        targets: str | Sequence[str],
        features: str | Sequence[str] | None = None,
        ignore: str | Sequence[str] | None = None,
        categories: str | Sequence[str] | None = None,
        group: str | None = None,
        groups: Any = None,
        family: str = "auto",
        term: str = "auto",
        hurdle: str = "auto",
        learner_options: Mapping[str, Any] | str = "",
        split: str = "random",
        test: Any = None,
        nodes: Any = None,
        node_key: str = "network",
        label_kind: str = "",
        label_tool: str = "",
        seed: int = 1,
        out: str | os.PathLike[str] | None = None,
        checkpoints: str | os.PathLike[str] | None = None,
    ) -> Surrogate:
        """Trains on a table with named columns, or on arrays X [n, features] and Y [n, targets] (NaN: missing).

        The same table, options and seed make the same model, to the byte, as `gnomon surrogate train`, whose options these are.

        Args:
            X: a data frame, a list of dicts, a dict of columns, an array, the path of a table or of records, or paths of tables or of campaigns' folders, below each other.
            Y: labels, an array [n, targets]; with named columns None, or an array of labels beside them. An array X holds numbers alone: words go in named columns, where a column of
                words is one of categories. Queries by array give the word's index in the feature's `categories` (`info["features"]`).
            targets: names of Y's columns, or the columns to predict.
            features: columns to predict from, by default all others, or a campaign's parameters; names of an array's columns, by default x0, x1, ...
            ignore: columns to leave out.
            categories: columns of words among which some look like numbers (`1, 2, auto`).
            group: the column whose equal rows stay together when rows are held out (a kernel, a size); by default rows of equal features do.
            groups: the same by n labels (or a column's name).
            family: `auto` picks per target on held-out groups and sizes; or `ensemble` (ridge regression and small networks), `trees` (XGBoost), `process` (Gaussian process, up to 1,000
                rows), `blend` (mean of ensemble and trees), and with `nodes` `graph` (message passing) and `transformer`.
            term: `auto`: an analytical term where it wins; `never`.
            hurdle: a second output that says whether a count is 0 at all: `auto`: with the family `auto`, where it wins; `always`; `never`.
            learner_options: the family's own options (members, rounds, width, ...), with a family named.
            split: rows that only measure (a tenth, from 10,000 rows on): `random` groups, the `largest` of each size, or all where `COLUMN=VALUE`.
            test: another table, to measure on, never learned, with `nodes` for its rows too; an array as (X, Y). Its scores are in `tested`, as `evaluate` gives them.
            nodes: table of the rows' nodes (layers, loops): a line a node, `node_key` says of which row, `inputs` its predecessors' positions, else they are a chain.
            node_key: column of both tables that says which row a node belongs to.
            label_kind: where the labels come from, in words; kept in the model; by default what the table tells.
            label_tool: what computed them, likewise.
            seed: decides splits and initial weights.
            out: model file to write.
            checkpoints: folder for finished pieces, by default `OUT.checkpoints` where `out` is given: a training that was interrupted and is started again with the same arguments goes
                on, to the same bytes. It is removed when the model is saved.
        """
        names = _names(targets)
        if not names:
            raise InputError("targets: found none; allowed: names of the columns to predict")
        grouped = group or ""
        if isinstance(groups, str):
            if group is not None and groups != group:
                raise InputError(f"groups: found {groups!r} beside group={group!r}; allowed: one of them")
            grouped, groups = groups, None
        if groups is not None and group is not None:
            raise InputError("groups: found beside group; allowed: one of them")
        number = _seed(seed)
        records = None if _is_frame(X) else _records(X)
        columns = _names(features)
        if _is_frame(X) or records is not None or _paths(X, "X"):
            if groups is not None:
                raise InputError("groups: with a data frame, the name of a column")
            if Y is not None and (_is_frame(Y) or not (records and _kind(records, None, "X"))):
                raise InputError("Y: found with a table of named columns; allowed: targets named in the table itself")
            rows = _rows(X, "table", None, nodes)
            if Y is not None:
                rows.put_labels(names, _labels(Y, names))
        else:
            if Y is None:
                raise InputError("Y: missing; with an array X, an array of labels [n, targets] is due")
            x, y = _numbers(X, "X"), _labels(Y, names)
            columns = columns or [f"x{i}" for i in range(x.shape[1])]
            if len(x) > 1 and x.ndim == 2 and (x[1:] == x[0]).all() and not np.isnan(y).all():
                raise InputError(f"X: all {len(x)} rows are equal, so there is nothing to predict from; allowed: rows that differ")
            rows = SurrogateRows.numbers(x, columns)
            rows.put_labels(names, y)
            if groups is not None:
                grouped = "group"
                while grouped in columns or grouped in names:
                    grouped += "_"
                rows.put_words(grouped, [str(label) for label in groups])
            if nodes is not None:
                rows = _with_nodes(rows, nodes)
        if out is not None and (os.path.isdir(out) or not os.access(os.path.dirname(os.path.abspath(out)), os.W_OK)):
            raise InputError(f"out: {os.fspath(out)} cannot be written; allowed: a file in a folder that exists")
        folder = os.fspath(checkpoints) if checkpoints is not None else f"{os.fspath(out)}.checkpoints" if out is not None else ""
        options = {
            "targets": names,
            "features": columns,
            "ignore": _names(ignore),
            "categories": _names(categories),
            "group": grouped,
            "family": family,
            "term": term,
            "hurdle": hurdle,
            "learner_options": learner_options if isinstance(learner_options, str) else json.dumps(learner_options),
            "split": split,
            "node_key": node_key,
            "label_kind": label_kind,
            "label_tool": label_tool,
            "seed": number,
            "checkpoints": folder,
        }
        trained, said = SurrogateModel.train(rows, json.dumps(options))
        for line in said:
            warnings.warn(line, stacklevel=2)
        model = cls(trained)
        model._checkpoints = folder
        # A test that fails costs no training.
        if out is not None:
            model.save(out)
        if test is not None:
            pair = test if isinstance(test, tuple) and len(test) == 2 else (test, None)
            model.tested = model.evaluate(*pair, nodes=nodes if model._by_nodes else None)
        return model

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Surrogate:
        """Reads a model file; damaged and foreign files raise InputError."""
        return cls(SurrogateModel.load(os.fspath(path)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model file; checkpoints of its training are removed then."""
        self._model.save(os.fspath(path))
        if self._checkpoints:
            SurrogateModel.remove_checkpoints(self._checkpoints)
            self._checkpoints = ""

    @property
    def features(self) -> list[str]:
        return list(self._features)

    @property
    def targets(self) -> list[str]:
        return [target["name"] for target in self.info["targets"]]

    def predict(self, X: Any, *, nodes: Any = None, workload: str | os.PathLike[str] | None = None, batch: int = 1) -> Prediction:
        """Predicts for an array [n, features] in the order of `features`, a data frame with those columns, a list of dicts, a dict of columns, or the path of a table.

        Dicts are rows, designs or kernels as JSON, or networks as records of the wa-hls4ml schema (with `model_config`). In an array a categorical feature is the word's index in its
        `categories` (`info["features"]`); any other number is a word never seen.

        Args:
            nodes: table of the rows' nodes, for models that take them.
            workload: what the designs X run ("zoo:NAME", or a path): whole-network totals by a model of operators (`accelerator`) or of a campaign. `mean`, `lower` and `upper`
                have the model's `targets` as columns, `metrics` all totals; an operator out of range puts the whole out of range.
            batch: batch size of the workload.
        """
        self._check(nodes, workload, batch)
        if workload is not None:
            return self._predict_workload(X, os.fspath(workload), batch)
        if nodes is None and isinstance(X, np.ndarray) and X.dtype == np.float64 and X.ndim == 2:
            return Prediction(*self._model.predict_array(X))
        if not _is_frame(X) and _records(X) is None and not _paths(X, "X"):
            if np.size(X) == 0 and np.ndim(X) < 2:
                raise InputError(f"X: is empty; allowed: rows of {len(self.features)} features ({', '.join(self.features)})")
            if nodes is None:
                return Prediction(*self._model.predict_array(_numbers(X, "X")))
        try:
            return Prediction(*self._model.predict(_rows(X, "table", self, nodes, quick=True)))
        except InputError:
            if not _is_frame(X) and _records(X) is None:
                raise
        # What is wrong is told by the table's text, where that is the way it came.
        return Prediction(*self._model.predict(_rows(X, "table", self, nodes)))

    def _check(self, nodes: Any, workload: str | os.PathLike[str] | None, batch: int) -> None:
        """What would be passed over is refused."""
        if nodes is not None and not self._by_nodes:
            raise InputError("nodes: found for a model that takes none; allowed: None")
        if workload is None and batch != 1:
            raise InputError(f"batch: found {batch} without a workload; allowed: 1")

    def _designs(self, designs: Any, workload: str | os.PathLike[str], batch: int, what: str) -> tuple[str, str]:
        """Designs as JSON, and the workload from where we are."""
        paths = _paths(designs, what)
        if len(paths) == 1 and paths[0].endswith(".json"):
            with open(paths[0], encoding="utf-8") as file:
                designs = json.load(file)
        records = _records(designs)
        if records is None or not all("cores" in item for item in records):
            raise InputError(f"{what}: with a workload, a design (as a dict) or a list of designs is due")
        if not 1 <= batch <= 4096:
            raise InputError(f"batch: found {batch}; allowed: 1 to 4096")
        name = os.fspath(workload)
        return json.dumps(records), name if name.startswith("zoo:") else os.path.abspath(name)

    def _predict_workload(self, designs: Any, workload: str, batch: int) -> Prediction:
        answers = json.loads(self._model.predict_workload(*self._designs(designs, workload, batch, "X"), batch, ""))
        missing = [name for name in self.targets if any(name not in answer["metrics"] or name not in answer["intervals"] for answer in answers)]
        if missing:
            raise InputError(f"X: the model's targets {', '.join(missing)} are no totals of a workload")
        mean = np.array([[answer["metrics"][name] for name in self.targets] for answer in answers], dtype=np.float64)
        ends = np.array([[answer["intervals"][name] for name in self.targets] for answer in answers], dtype=np.float64)
        in_range = np.array([answer["in_range"] for answer in answers], dtype=np.bool_)
        reasons = [[] if answer["in_range"] else ["an operator lies outside what training saw"] for answer in answers]
        return Prediction(mean, ends[:, :, 0], ends[:, :, 1], in_range, reasons, [answer["metrics"] for answer in answers])

    def evaluate(self, X: Any, Y: Any = None, *, nodes: Any = None, workload: str | os.PathLike[str] | None = None, batch: int = 1) -> dict[str, dict[str, float]]:
        """Scores on rows with labels, per target, as `gnomon surrogate evaluate --json` gives them: `rows` (with a label), `r2`, `smape_percent`, `rmse`, `median_error_percent`,
        `coverage`, `mean_width` and `interval_score` of the intervals, and `in_range`, the fraction that the model says it knows.

        Args:
            X: as `predict` takes it; tables and records may hold the labels themselves, in columns named as the targets.
            Y: labels as an array [n, targets] in the order of `targets` (NaN: missing), or by names; due for arrays, designs and kernels.
            nodes, workload, batch: as in `predict`.
        """
        self._check(nodes, workload, batch)
        if workload is not None:
            if Y is None:
                raise InputError("Y: missing; with a workload, labels [n, targets] of its totals are due")
            told = self.predict(X, workload=workload, batch=batch)
            return dict(json.loads(self._model.score(told.mean, told.lower, told.upper, told.in_range, _labels(Y, self.targets))))
        rows = _rows(X, "table", self, nodes)
        if Y is not None:
            rows.put_labels(self.targets, _labels(Y, self.targets))
        elif not any(name in self.targets for name in rows.columns()):
            raise InputError(f"Y: missing, and X has none of the model's targets {', '.join(self.targets)}")
        return dict(json.loads(self._model.evaluate(rows)))

    def _asked(self, value: Any, what: str, nodes: Any, workload: str | os.PathLike[str] | None, batch: int) -> SurrogateRows:
        self._check(nodes, workload, batch)
        if workload is None:
            return _rows(value, what, self, nodes)
        if not self._by_operators:
            raise InputError(f"workload: this model does not answer operators; allowed: {self._model.wanted()}")
        return SurrogateRows.operators(*self._designs(value, workload, batch, what), batch)

    def suggest(
        self, pool: Any, labelled: Any = None, *, count: int = 32, seed: int = 1, workload: str | os.PathLike[str] | None = None, batch: int = 1
    ) -> NDArray[np.intp]:
        """Rows of `pool` to label next, best first.

        Args:
            pool: as `predict` takes its X; with a workload, designs: they come in the order in which one of their operators is chosen.
            labelled: the rows that have labels; what is like them need not be asked.
            count: rows to choose.
            seed: decides which of many candidates are looked at.
            workload, batch: as in `predict`, for models of operators.
        """
        known = None if labelled is None else self._asked(labelled, "labelled", None, workload, batch)
        return np.array(self._model.suggest(self._asked(pool, "pool", None, workload, batch), known, count, _seed(seed)), dtype=np.intp)

    def explain(
        self,
        X: Any,
        background: Any = None,
        *,
        nodes: Any = None,
        background_nodes: Any = None,
        workload: str | os.PathLike[str] | None = None,
        batch: int = 1,
        orders: int = 32,
        seed: int = 1,
    ) -> Explanation:
        """Shapley values of each answer against the usual row.

        Args:
            X: as `predict` takes it.
            background: rows whose medians and most frequent words are the usual row; by default X. Where all rows given are alike, the usual row is what the model keeps of its training:
                the mean of each number (in its scale), the first of each feature's words. `Explanation.background` says what it was.
            nodes, background_nodes: tables of the rows' nodes, for models that take them; the background's are by default the same table.
            workload: what the designs X run, for models of operators: the sum over operators of each feature's contribution. `answer` is the sum of the operators' means, without what
                `predict` does beyond (cycles never below the compute cycles).
            batch: batch size of the workload.
            orders: random orders of the features, each also reversed.
            seed: decides the orders.
        """
        asked = self._asked(X, "X", nodes, workload, batch)
        known = None if background is None else self._asked(background, "background", nodes if background_nodes is None else background_nodes, workload, batch)
        return Explanation(*self._model.explain(asked, known, orders, _seed(seed)))
