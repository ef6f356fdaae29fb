"""What drives a campaign from outside: agents with ask and tell, Optuna samplers, executors."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from . import _core
from ._core import InputError, UnsupportedError
from ._lazy import need

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


class AskTell(Protocol):
    """An agent of a user's own. Its state must follow from what it is told: a resumed campaign tells all finished trials again.

    `ask` gives up to `count` designs as dictionaries of parameters; duplicates and designs that break a rule are dropped, and it is asked
    again. `tell` gives objectives with the sign of maximised ones flipped (smaller is better), and violations (<= 0 is satisfied); both are
    empty where the trial failed.
    """

    def ask(self, count: int) -> list[dict[str, Any]]: ...

    def tell(self, params: dict[str, Any], objectives: list[float], constraints: list[float], failed: bool) -> Any: ...


class _Wire:
    """Between the engine, which speaks JSON, and an agent."""

    def __init__(self, agent: AskTell) -> None:
        self._agent = agent

    def ask(self, count: int) -> list[str]:
        return [json.dumps(params) for params in self._agent.ask(count)]

    def tell(self, params: str, objectives: list[float], violations: list[float], failed: bool, exact: bool) -> None:
        # Results of a lower fidelity, corrected to the last one, steer a campaign only through agents that know the difference.
        if exact:
            self._agent.tell(json.loads(params), objectives, violations, failed)


class OptunaAgent:
    """An Optuna sampler as an agent. Constraints reach samplers that take a `constraints_func` of their own through
    `trial.user_attrs["constraints"]`, which `gnomon.OptunaAgent.constraints` reads."""

    def __init__(self, sampler: Any, info: dict[str, Any]) -> None:
        optuna = need("optuna", "an Optuna sampler as agent")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._study = optuna.create_study(directions=["minimize"] * len(info["objectives"]), sampler=sampler)
        self._space: dict[str, Any] = {}
        self._words: dict[str, list[Any]] = {}
        for p in info["parameters"]:
            name, kind = p["name"], p["kind"]
            if p["conditional"]:
                raise UnsupportedError(f'an Optuna sampler as agent does not take conditional parameters; found "{name}"')
            if kind == "permutation":
                raise UnsupportedError(f'an Optuna sampler as agent does not take permutations; found "{name}"')
            if kind == "real":
                self._space[name] = optuna.distributions.FloatDistribution(p["low"], p["high"], log=p["log"])
            elif kind == "categorical":
                self._space[name] = optuna.distributions.CategoricalDistribution(p["values"])
            else:
                # Ordered values by their place in the list.
                self._space[name] = optuna.distributions.IntDistribution(0, len(p["values"]) - 1)
                self._words[name] = p["values"]
        self._open: dict[str, Any] = {}

    @staticmethod
    def constraints(trial: Any) -> list[float]:
        return list(trial.user_attrs.get("constraints", []))

    def ask(self, count: int) -> list[dict[str, Any]]:
        out = []
        for _ in range(count):
            trial = self._study.ask(self._space)
            params = {name: self._words[name][value] if name in self._words else value for name, value in trial.params.items()}
            self._open[json.dumps(params, sort_keys=True)] = trial
            out.append(params)
        return out

    def tell(self, params: dict[str, Any], objectives: list[float], constraints: list[float], failed: bool) -> None:
        trial = self._open.pop(json.dumps(params, sort_keys=True), None)
        states = self._optuna.trial.TrialState
        if trial is not None:
            trial.set_user_attr("constraints", constraints)
            self._study.tell(trial, None if failed else objectives, state=states.FAIL if failed else states.COMPLETE)
            return
        inner = {name: self._words[name].index(value) if name in self._words else value for name, value in params.items()}
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=inner, distributions=self._space, values=None if failed else objectives, user_attrs={"constraints": constraints},
                state=states.FAIL if failed else states.COMPLETE,
            )
        )


def agent_of(agent: Any, info: dict[str, Any]) -> tuple[Any, str]:
    """The engine's side of an agent, and the name under which the store keeps it."""
    kind = type(agent)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__.split(".")[0] == "optuna" or any(base.__module__.startswith("optuna.samplers") for base in kind.__mro__):
        return _Wire(OptunaAgent(agent, info)), name
    for method in ("ask", "tell"):
        if not callable(getattr(agent, method, None)):
            raise InputError(f"agent: {name} has no method {method}; an agent has ask(count) and tell(params, objectives, constraints, failed)")
    return _Wire(agent), name


def evaluate(job: str) -> str:
    """One evaluation, wherever an executor runs it: a job as JSON text in, its answer as JSON text out."""
    return _core.evaluate_job(job)


class ExecutorJobs:
    """Jobs of the engine on a concurrent.futures.Executor."""

    def __init__(self, executor: Executor, capacity: int | None) -> None:
        workers = getattr(executor, "_max_workers", None)
        self.capacity = capacity or (workers if isinstance(workers, int) else 4)
        self._executor = executor
        self._done: queue.SimpleQueue[tuple[int, Future[str]]] = queue.SimpleQueue()

    def submit(self, task: int, job: str) -> None:
        future = self._executor.submit(evaluate, job)
        future.add_done_callback(lambda done: self._done.put((task, done)))

    def wait(self, seconds: float) -> tuple[int, str] | None:
        try:
            task, future = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        return task, _answer(lambda: future.result())


class RayJobs:
    """Jobs of the engine on a Ray cluster (the one that `ray.init` found, or a local one)."""

    def __init__(self, capacity: int | None) -> None:
        self._ray = need("ray", 'executor="ray"')
        if not self._ray.is_initialized():
            self._ray.init()
        self.capacity = capacity or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._remote = self._ray.remote(evaluate)
        self._open: dict[Any, int] = {}

    def submit(self, task: int, job: str) -> None:
        self._open[self._remote.remote(job)] = task

    def wait(self, seconds: float) -> tuple[int, str] | None:
        if not self._open:
            return None
        ready, _ = self._ray.wait(list(self._open), num_returns=1, timeout=seconds)
        if not ready:
            return None
        task = self._open.pop(ready[0])
        return task, _answer(lambda: self._ray.get(ready[0]))


def _answer(result: Callable[[], str]) -> str:
    try:
        return result()
    except Exception as error:  # a worker that died costs its trial, not the campaign
        return json.dumps({"kind": "run_failed", "error": f"the executor's worker failed: {type(error).__name__}: {error}"})


def jobs_of(executor: Any, capacity: int | None) -> ExecutorJobs | RayJobs:
    if executor == "ray":
        return RayJobs(capacity)
    if not callable(getattr(executor, "submit", None)):
        raise InputError(f'executor: found {executor!r}; allowed: a concurrent.futures.Executor, or "ray"')
    return ExecutorJobs(executor, capacity)
