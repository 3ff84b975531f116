"""Diffusion between concentric shells, as a process like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import sympy
from sympy.logic.boolalg import Boolean

from multiscale.errors import ModelError
from multiscale.processes import Change, Expected, Process, Terms
from multiscale.regions import Interface
from multiscale.species import Species
from multiscale.symbols import FieldSymbol, diameter


@final
@dataclass(frozen=True)
class RadialExchange(Process):
    """Diffusion of a species through the open border of two shells; a Model makes them from Layers and Interfaces.

    Two half shells in series, each with the mobility of its own region, between the middles of the shells; area and
    distance are those of a cylinder with the node's diameter.
    """

    species: Species
    interface: Interface
    where: Boolean | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        """Species and border."""
        return f"{self.species.name}.{self.interface.name}"

    def fields(self) -> tuple[FieldSymbol, ...]:
        """Concentrations in the inner and outer shell."""
        return self.species[self.interface.inner], self.species[self.interface.outer]

    def terms(self) -> Terms:
        """Two Changes; none where the species does not diffuse."""
        halves: Any = 0
        for region in (self.interface.inner, self.interface.outer):
            d = self.species.d_in(region)
            if isinstance(d, tuple):
                raise ModelError(
                    f"{self.species.label}: d has {len(d)} components in layers, "
                    "expected one for radial diffusion; give one"
                )
            if d == 0:
                return ()
            shell: Any = region.shell
            halves += sympy.Float((shell.outer - shell.inner) / 2) / (region.fraction * d)
        inner, outer = self.fields()
        border = self.interface.shells[0].outer
        # per whole-cell volume: area of the border 4 border/diameter, over the distance in radii of diameter/2
        conductance = sympy.Float(8 * border) / (halves * diameter**2)
        flow = conductance * (outer - inner)
        return (Change(inner, flow / inner.place.volume_fraction), Change(outer, -flow / outer.place.volume_fraction))

    def expected(self) -> Expected:
        """Nothing: the diffusion coefficient is the species'."""
        return ()
