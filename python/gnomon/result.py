"""What a simulation answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._lazy import need

if TYPE_CHECKING:
    import pandas


class Layer:
    """One layer's figures, or the total's; each field of the contract is an attribute with its unit in its name.

    Figures (int where they count, float otherwise): macs, latency_cycles, compute_cycles, stall_cycles, utilization, dram_read_bytes,
    dram_write_bytes, sram_read_bytes, sram_write_bytes, energy_pj; the total also has latency_s, area_um2, power_w and
    peak_memory_bytes. `mapping` is a mapping file's content, or None. `gnomon explain NAME` defines each.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__.get("_fields", {})
        if name in fields:
            return fields[name]
        raise AttributeError(f"no figure {name!r}; there are {', '.join(sorted(fields))}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._fields]

    def __repr__(self) -> str:
        return f"Layer({self._fields.get('name')!r}, latency_cycles={self._fields.get('latency_cycles')})"

    def to_dict(self) -> dict[str, Any]:
        return dict(self._fields)


@dataclass(frozen=True)
class Result:
    """A simulation: `total`, `layers` in the order of execution, `energy_breakdown_pj` by component, and the whole `document` as
    `gnomon simulate --json` prints it."""

    total: Layer
    layers: list[Layer]
    energy_breakdown_pj: dict[str, float]
    document: dict[str, Any]

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Result:
        return cls(
            total=Layer(document["total"]),
            layers=[Layer(layer) for layer in document["layers"]],
            energy_breakdown_pj=dict(document["energy_breakdown_pj"]),
            document=document,
        )

    def to_dict(self) -> dict[str, Any]:
        return self.document

    def to_dataframe(self) -> pandas.DataFrame:
        """One row a layer, columns as in the contract, without the mappings. Needs pandas."""
        frames = need("pandas", "to_dataframe()")
        rows = [{key: value for key, value in layer.to_dict().items() if key != "mapping"} for layer in self.layers]
        frame: pandas.DataFrame = frames.DataFrame(rows)
        return frame
