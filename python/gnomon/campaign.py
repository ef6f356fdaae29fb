"""Campaigns: run the `gnomon` program on a campaign file, read what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import _core
from ._core import InputError, UnsupportedError
from ._lazy import need
from .drivers import agent_of, jobs_of

if TYPE_CHECKING:
    import pandas

_PACKAGE = Path(__file__).parent
_ERRORS = {
    2: _core.UsageError,
    3: _core.InputError,
    4: _core.UnsupportedError,
    5: _core.InfeasibleError,
    130: _core.InterruptedError,
}


def program() -> Path:
    """The `gnomon` program that belongs to this package: installed beside it, or in the build that made the module."""
    beside_module = Path(_core.__file__).resolve().parent
    for candidate in (_PACKAGE / "bin" / "gnomon", beside_module / "bin" / "gnomon", beside_module.parent.parent / "bin" / "gnomon"):
        if candidate.is_file():
            return candidate
    raise UnsupportedError("the gnomon program is not installed with this package; build it with ./gnomonw or pip install .")


def trials_dataframe(folder: str | os.PathLike[str]) -> pandas.DataFrame:
    """The trials of a campaign's folder (`trials.csv`), one row each. Needs pandas."""
    frames = need("pandas", "trials_dataframe()")
    path = Path(folder) / "trials.csv"
    if not path.is_file():
        raise InputError(f"{path}: no such file; is {folder} the folder of a campaign that has run?")
    frame: pandas.DataFrame = frames.read_csv(path)
    return frame


@dataclass(frozen=True)
class CampaignResult:
    """A finished campaign: its folder and the summary document (`summary.json`)."""

    folder: Path
    summary: dict[str, Any]

    def trials_dataframe(self) -> pandas.DataFrame:
        return trials_dataframe(self.folder)


class Campaign:
    """A campaign file.

        gnomon.Campaign("campaign.json").run(out="out", jobs=2).summary["hypervolume"]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")

    def run(
        self,
        *,
        out: str | os.PathLike[str] | None = None,
        agent: Any = None,
        fidelity: str | None = None,
        seed: int | None = None,
        jobs: int | None = None,
        budget: int | None = None,
        fresh: bool = False,
        executor: Any = None,
        accuracy: Callable[[dict[str, Any]], float] | None = None,
    ) -> CampaignResult:
        """Runs or resumes the campaign in worker processes; arguments as those of `gnomon run`. Ctrl-C stops it with its state saved.

        Args:
            agent: a name of `gnomon list agents`, an Optuna sampler, or any object with `ask` and `tell` (see gnomon.drivers.AskTell).
            executor: any concurrent.futures.Executor, or "ray": evaluations run there instead of in local worker processes, `jobs` at a time.
                Its workers need this package. Limits of processor time and memory are then the executor's own business.

            accuracy: for campaigns with `"accuracy": {"callable": true}`: a trial's parameters to the accuracy of its network. Not called for
                hardware that misses its limits.

        Raises gnomon.InfeasibleError where nothing satisfies the constraints, and the other gnomon errors as `gnomon run` exits.
        """
        if executor is not None or accuracy is not None or not (agent is None or isinstance(agent, str)):
            return self._run_here(out, agent, fidelity, seed, jobs, budget, fresh, executor, accuracy)
        folder = Path(out) if out is not None else Path("out") / self.path.stem
        command = [str(program()), "run", str(self.path), "--json", "--out", str(folder)]
        for option, value in (("--agent", agent), ("--fidelity", fidelity), ("--seed", seed), ("--jobs", jobs), ("--budget", budget)):
            if value is not None:
                command += [option, str(value)]
        if fresh:
            command.append("--fresh")
        environment = {**os.environ, "GNOMON_PYTHON": os.environ.get("GNOMON_PYTHON", sys.executable)}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
        )
        try:
            output, talk = process.communicate()
        except BaseException:
            # The child has a session of its own, so that it gets this one signal and saves its state.
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
        if process.returncode not in (0, 5):
            _raise(process.returncode, talk)
        summary: dict[str, Any] = json.loads(output)
        if process.returncode == 5:
            _raise(5, talk)
        return CampaignResult(folder, summary)


    def _run_here(
        self,
        out: str | os.PathLike[str] | None,
        agent: Any,
        fidelity: str | None,
        seed: int | None,
        jobs: int | None,
        budget: int | None,
        fresh: bool,
        executor: Any,
        accuracy: Callable[[dict[str, Any]], float] | None,
    ) -> CampaignResult:
        """The engine in this process, with Python's agent or executor."""
        folder = Path(out) if out is not None else Path("out") / self.path.stem
        options: dict[str, Any] = {
            "fidelity": fidelity, "seed": seed, "jobs": jobs, "budget": budget, "fresh": fresh, "worker": [str(program()), "worker"]
        }
        if agent is None or isinstance(agent, str):
            options["agent"] = agent
        else:
            options["object"], options["object_name"] = agent_of(agent, json.loads(_core.Campaign(str(self.path)).info()))
        if executor is not None:
            remote = jobs_of(executor, jobs)
            options.update(submit=remote.submit, wait=remote.wait, capacity=remote.capacity)
        if accuracy is not None:
            options["accuracy"] = lambda params: float(accuracy(json.loads(params)))
        answer = json.loads(_core.run_campaign(str(self.path), str(folder), options))
        if answer["outcome"]:
            said = {1: "no evaluation succeeded", 5: "no design satisfies the constraints", 130: "interrupted; everything is saved"}
            notes = [said.get(answer["outcome"], answer["summary"]["status"]), *answer["summary"]["notes"]]
            raise _ERRORS.get(answer["outcome"], _core.RunError)("; ".join(notes))
        return CampaignResult(folder, answer["summary"])


def _raise(status: int, talk: str) -> NoReturn:
    lines = [line.removeprefix("gnomon: ") for line in talk.splitlines() if line.startswith("gnomon: ")]
    error = _ERRORS.get(status, _core.RunError)("\n".join(lines) or talk.strip() or f"gnomon run ended with status {status}")
    raise error
