"""Ask-and-tell search over a design space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _core
from ._core import InputError, UsageError
from ._lazy import need

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Trial:
    """A point of the space and what became of it.

    `state`: "asked", "done" or "failed". `objectives` as they were told (a maximised one is not negated). `constraints` are violations: <= 0 is
    satisfied. `feasible`: done, and every constraint satisfied. `asked`: False for a point that was told without being asked for.
    """

    number: int
    params: dict[str, Any]
    state: str = "asked"
    objectives: list[float] = field(default_factory=list)
    constraints: list[float] = field(default_factory=list)
    feasible: bool = False
    asked: bool = True

    @classmethod
    def _from(cls, row: tuple[Any, ...]) -> Trial:
        number, params, state, objectives, violations, feasible, asked = row
        return cls(number, json.loads(params), state, list(objectives), list(violations), feasible, asked)


class Study:
    """A search agent over a space, with an archive of all trials. No point is asked twice, none breaks a rule; same seed and same tells, same asks.

    Args:
        space: parameters as in a campaign's `space`, e.g. `{"rows": {"int": [8, 128], "step": "pow2"}}`.
        objectives: `(name, "min" | "max")` pairs.
        constraints: `(name, "max" | "min", limit)` triples. `tell` takes violations (`violations(values)` computes them).
        rules: expressions over parameters that every point obeys.
        agent: a name of `gnomon list agents`; `agent_options` its options.
        seed: decides everything that is drawn.
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        *,
        objectives: Sequence[tuple[str, str]],
        constraints: Sequence[tuple[str, str, float]] = (),
        rules: Sequence[str] = (),
        agent: str = "nsga2",
        agent_options: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        goals = []
        for name, goal in objectives:
            if goal not in ("min", "max"):
                raise InputError(f'objectives: {name}: found goal "{goal}"; allowed: min, max')
            goals.append((name, goal == "max"))
        for name, side, _ in constraints:
            if side not in ("min", "max"):
                raise InputError(f'constraints: {name}: found "{side}"; allowed: min, max')
        self._objectives = [name for name, _ in objectives]
        self._constraints = [(name, side, float(limit)) for name, side, limit in constraints]
        problem = json.dumps({"space": space, "rules": list(rules)})
        options = "" if agent_options is None else json.dumps(agent_options)
        self._core = _core.Study(problem, goals, len(self._constraints), agent, options, seed)

    def ask(self, count: int = 1) -> list[Trial]:
        """`count` new trials; fewer, possibly none, where the space has no further point."""
        if count < 1:
            raise InputError(f"ask: found {count}; allowed: 1 or more")
        return [Trial._from(row) for row in self._core.ask(count)]

    def tell(
        self,
        trial: Trial | int | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        objectives: Sequence[float] | None = None,
        constraints: Sequence[float] = (),
        failed: bool = False,
    ) -> int:
        """Tells the result of an asked trial, or (`params=`) of a point that was never asked. Gives the trial's number.

        `constraints` are violations, <= 0 is satisfied; `failed=True` instead of objectives says that there is no result.
        """
        if (trial is None) == (params is None):
            raise UsageError("tell: give either a trial or params=")
        if failed == (objectives is not None):
            raise UsageError("tell: give either objectives= or failed=True")
        values = [float(value) for value in objectives or ()]
        violations = [float(value) for value in constraints]
        if params is not None:
            text = json.dumps(dict(params))
            return self._core.tell_point_failed(text) if failed else self._core.tell_point(text, values, violations)
        assert trial is not None
        number = trial.number if isinstance(trial, Trial) else int(trial)
        if failed:
            self._core.tell_failed(number)
        else:
            self._core.tell(number, values, violations)
        return number

    def violations(self, values: Mapping[str, float]) -> list[float]:
        """Violations of the study's constraints for measured values by name: value - limit for "max", limit - value for "min"."""
        return [values[name] - limit if side == "max" else limit - values[name] for name, side, limit in self._constraints]

    def best(self) -> Trial | None:
        """The feasible trial with the best first objective."""
        row = self._core.best()
        return None if row is None else Trial._from(row)

    def pareto_front(self) -> list[Trial]:
        """Feasible trials that no other one dominates."""
        return [Trial._from(row) for row in self._core.pareto_front()]

    def hypervolume(self, reference: Sequence[float]) -> float:
        """Volume between the front and a reference point, in the objectives as stated."""
        return self._core.hypervolume([float(value) for value in reference])

    @property
    def exhausted(self) -> bool:
        """Whether the space has no further point."""
        return self._core.exhausted()

    @property
    def trials(self) -> list[Trial]:
        return [Trial._from(row) for row in self._core.trials()]

    def trials_dataframe(self) -> pandas.DataFrame:
        """One row a trial: number, state, feasible, then parameters, objectives by name, violations as `violation:NAME`. Needs pandas."""
        frames = need("pandas", "trials_dataframe()")
        rows = []
        for trial in self.trials:
            row: dict[str, Any] = {"number": trial.number, "state": trial.state, "feasible": trial.feasible, **trial.params}
            row.update(zip(self._objectives, trial.objectives))
            row.update({f"violation:{name}": value for (name, _, _), value in zip(self._constraints, trial.constraints)})
            rows.append(row)
        frame: pandas.DataFrame = frames.DataFrame(rows)
        return frame
