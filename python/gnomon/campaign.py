"""Campaigns: run the `gnomon` program on a campaign file, read what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import _core
from ._core import InputError, UnsupportedError
from ._lazy import need

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
        agent: str | None = None,
        fidelity: str | None = None,
        seed: int | None = None,
        jobs: int | None = None,
        budget: int | None = None,
        fresh: bool = False,
        executor: Any = None,
    ) -> CampaignResult:
        """Runs or resumes the campaign in worker processes; arguments as those of `gnomon run`. Ctrl-C stops it with its state saved.

        Raises gnomon.InfeasibleError where nothing satisfies the constraints, and the other gnomon errors as `gnomon run` exits.
        """
        if executor is not None:
            raise UnsupportedError("executor= is not built in this version; jobs= runs local worker processes")
        folder = Path(out) if out is not None else Path("out") / self.path.stem
        command = [str(program()), "run", str(self.path), "--json", "--out", str(folder)]
        for option, value in (("--agent", agent), ("--fidelity", fidelity), ("--seed", seed), ("--jobs", jobs), ("--budget", budget)):
            if value is not None:
                command += [option, str(value)]
        if fresh:
            command.append("--fresh")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
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


def _raise(status: int, talk: str) -> NoReturn:
    lines = [line.removeprefix("gnomon: ") for line in talk.splitlines() if line.startswith("gnomon: ")]
    error = _ERRORS.get(status, _core.RunError)("\n".join(lines) or talk.strip() or f"gnomon run ended with status {status}")
    raise error


def make_env(campaign: str | os.PathLike[str]) -> NoReturn:
    """Gymnasium environment of a campaign."""
    raise UnsupportedError("make_env is not built in this version; Study gives ask and tell")


def make_parallel_env(campaign: str | os.PathLike[str]) -> NoReturn:
    """PettingZoo parallel environment of a campaign."""
    raise UnsupportedError("make_parallel_env is not built in this version; Study gives ask and tell")
