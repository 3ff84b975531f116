"""Models posed in NEURON, one function a model: ``python peers.py MODEL FILE '{"dt": 0.025}'`` writes an npz file.

Every call is a process of its own, because NEURON keeps sections, clocks and rxd's reactions until the process ends.
Units are NEURON's: um, ms, mV, mM, nA, S/cm2; reactions across membranes count molecules/(um2 ms).
"""

import json
import os
import signal
import sys
from math import exp
from pathlib import Path

import numpy as np
from neuron import h

MOLECULES = 602214.076  # in 1 mM um^3
KEPT = []  # species in voxels: NEURON aborts where it takes one apart


def section(name, length, diameter, segments, resistivity=100.0):
    """A cylinder, connected to nothing."""
    made = h.Section(name=name)
    made.L, made.diam, made.nseg, made.Ra, made.cm = length, diameter, segments, resistivity, 1
    return made


def pulse(place, amplitude, start=1.0, duration=1.0):
    """A current clamp, nA."""
    made = h.IClamp(place)
    made.amp, made.delay, made.dur = amplitude, start, duration
    return made


def begin(dt, v=-65.0, celsius=6.3):
    """t = 0 at a fixed step, rates of ``hh`` computed and not looked up."""
    h.celsius = celsius
    if hasattr(h, "usetable_hh"):
        h.usetable_hh = 0
    h.dt = dt
    h.finitialize(v)


def voltages(places, dt, stop, extra=()):
    """Steps until `stop`; potentials and other references after each of them, shape (steps + 1, places)."""
    references = [place._ref_v for place in places] + list(extra)
    vectors = [h.Vector().record(reference) for reference in references]
    begin(dt)
    for _ in range(round(stop / dt)):
        h.fadvance()
    return np.array([vector.to_python() for vector in vectors]).T


def hh_axon(segments, electrode, dt, stop):
    """Potentials of all segments of a Hodgkin-Huxley axon of 1000 um."""
    axon = section("axon", 1000, 1, segments, 35.4)
    axon.insert("hh")
    clamp = pulse(axon(electrode), 0.3)
    return {"v": voltages(list(axon), dt, stop), "kept": np.array(clamp.amp)}


def branching(dt, stop):
    """A soma with Hodgkin-Huxley channels and three passive dendrites at its end, its middle and its beginning."""
    soma = section("soma", 20, 20, 1)
    soma.insert("hh")
    cell = [soma]
    for i, (length, diameter, segments, joint) in enumerate(((200, 3, 10, 1), (150, 1.2, 8, 0.5), (300, 0.7, 15, 0))):
        dendrite = section(f"dend{i}", length, diameter, segments)
        dendrite.connect(soma(joint), 0)
        dendrite.insert("pas")
        dendrite.g_pas, dendrite.e_pas = 1e-4, -65
        cell.append(dendrite)
    twigs = [section(f"twig{i}", 100, 0.6 + 0.2 * i, 5) for i in range(2)]
    for twig in twigs:
        twig.connect(cell[1](1), 0)
        twig.insert("pas")
        twig.g_pas, twig.e_pas = 1e-4, -65
    clamps = [pulse(soma(0.5), 0.5), pulse(cell[3](1), 0.05, 3, 8)]
    places = [segment for made in [*cell, *twigs] for segment in made]
    return {"v": voltages(places, dt, stop), "kept": np.array(len(clamps))}


def morphology(path, segments, amplitude, dt, stop):
    """A reconstructed cell: Hodgkin-Huxley channels in the soma, leak elsewhere; segments in NEURON's order, named."""
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    file = h.Import3d_SWC_read()
    file.quiet = 1
    file.input(path)
    h.Import3d_GUI(file, False).instantiate(None)
    cell = {made.name().replace("soma[0]", "soma"): made for made in h.allsec()}
    for name, made in cell.items():
        made.nseg, made.Ra, made.cm = segments, 100, 1
        if name == "soma":
            made.insert("hh")
        else:
            made.insert("pas")
            made.g_pas, made.e_pas = 5e-5, -65
    clamps = [pulse(cell["soma"](0.5), amplitude, start, 2) for start in (1, 30)]
    v = voltages([segment for made in cell.values() for segment in made], dt, stop)
    names = np.array([name for name, made in cell.items() for _ in made])
    return {"v": v, "names": names, "kept": np.array(len(clamps))}


def clamped(resistance, dt, stop):
    """A passive cable with a single-electrode clamp of three levels; its current in nA stands last."""
    cable = section("cable", 300, 2, 31)
    cable.insert("pas")
    cable.g_pas, cable.e_pas = 2e-4, -70
    clamp = h.SEClamp(cable(0.5))
    clamp.rs = resistance
    clamp.dur1, clamp.amp1, clamp.dur2, clamp.amp2, clamp.dur3, clamp.amp3 = 2, -65, 5, -30, 3, -90
    record = voltages(list(cable), dt, stop, [clamp._ref_i])
    return {"v": record[:, :-1], "i": record[:, -1]}


def ions(dt, stop):
    """The axon with sodium and potassium that diffuse, are moved by the currents, and set the reversal potentials."""
    from neuron import rxd

    thermal = 0.08617333262145 * 279.45
    axon = section("axon", 200, 0.5, 41, 35.4)
    axon.insert("hh")
    clamp = pulse(axon(0), 0.1)
    cyt = rxd.Region([axon], name="cyt", nrn_region="i")
    na = rxd.Species(cyt, name="na", charge=1, d=1.33, initial=140 * exp(-50 / thermal))
    k = rxd.Species(cyt, name="k", charge=1, d=1.96, initial=2.5 * exp(77 / thermal))
    h.nao0_na_ion, h.ko0_k_ion = 140, 2.5
    v = voltages(list(axon), dt, stop)
    return {"v": v, "na": concentrations(na), "k": concentrations(k), "kept": np.array(clamp.amp)}


def diffusion(length, segments, d, dt, stop):
    """A box that spreads."""
    from neuron import rxd

    cable = section("cable", length, 1, segments)
    cyt = rxd.Region([cable], name="cyt")
    x = rxd.Species(cyt, name="x", d=d, initial=lambda node: 1.0 if 0.3 < node.x < 0.5 else 0.0)
    steps(dt, stop)
    return {"x": concentrations(x)}


def buffering(dt, stop):
    """Calcium binds to a buffer while all three diffuse."""
    from neuron import rxd

    cable = section("cable", 100, 1, 51)
    cyt = rxd.Region([cable], name="cyt")
    ca = rxd.Species(cyt, name="ca", d=0.22, initial=lambda node: 1.0 if node.x < 0.3 else 0.1)
    b = rxd.Species(cyt, name="b", d=0.05, initial=0.8)
    cab = rxd.Species(cyt, name="cab", d=0.03, initial=0.05)
    kept = rxd.Reaction(ca + b, cab, 0.5, 0.1)
    steps(dt, stop)
    return {**{s.name: concentrations(s) for s in (ca, b, cab)}, "kept": np.array(kept is not None)}


def stores(dt, stop):
    """Cytosol, endoplasmic reticulum and mitochondria: two pumps and two leaks, calcium diffuses in two of them."""
    from neuron import rxd

    cable = section("cable", 60, 1, 31)
    shares = {"cyt": 0.7, "er": 0.2, "mito": 0.1}
    regions = {n: rxd.Region([cable], name=n, geometry=rxd.FractionalVolume(f)) for n, f in shares.items()}
    cyt, er, mito = regions.values()
    er_border = rxd.Region([cable], name="er_border", geometry=rxd.DistributedBoundary(2))
    mito_border = rxd.Region([cable], name="mito_border", geometry=rxd.DistributedBoundary(1))

    def initial(node):
        if node.region is cyt:
            return 0.5 if node.x < 0.3 else 0.1
        return 1.0 if node.region is er else 0.2

    ca = rxd.Species(list(regions.values()), name="ca", d=0.1, initial=initial)
    squared = ca[cyt] * ca[cyt]
    pump = MOLECULES * 0.004 * squared / (0.04 + squared)
    uptake = MOLECULES * 0.002 * ca[cyt] / (0.5 + ca[cyt])
    kept = [
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], pump, membrane=er_border, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], MOLECULES * 1e-3, MOLECULES * 1e-3, membrane=er_border),
        rxd.MultiCompartmentReaction(ca[cyt], ca[mito], uptake, membrane=mito_border, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[mito], ca[cyt], MOLECULES * 5e-4, 0, membrane=mito_border),
    ]
    steps(dt, stop)
    found = {f"ca.{n}": np.array(ca[region].nodes.concentration) for n, region in regions.items()}
    return {**found, "kept": np.array(len(kept))}


def plasma_pump(d, end, dt, stop):
    """A calcium pump and a leak across the surface of a cable that tapers to a diameter `end`; outside is constant."""
    from neuron import rxd

    cable = h.Section(name="cable")
    cable.pt3dadd(0, 0, 0, 2)
    cable.pt3dadd(50, 0, 0, end)
    cable.nseg = 25
    cyt = rxd.Region([cable], name="cyt", geometry=rxd.inside)
    bath = rxd.Region([cable], name="bath", geometry=rxd.Shell(1, 2))
    surface = rxd.Region([cable], name="surface", geometry=rxd.membrane())
    ca = rxd.Species(cyt, name="ca", d=d, initial=lambda node: 1.0 if node.x < 0.5 else 0.2)
    out = rxd.Parameter(bath, name="out", value=2.0)
    pump = MOLECULES * 0.003 * ca[cyt] / (0.3 + ca[cyt])
    kept = [
        rxd.MultiCompartmentReaction(ca[cyt], out[bath], pump, membrane=surface, custom_dynamics=True),
        rxd.MultiCompartmentReaction(out[bath], ca[cyt], MOLECULES * 2e-4, MOLECULES * 2e-4, membrane=surface),
    ]
    steps(dt, stop)
    return {"ca": concentrations(ca), "kept": np.array(len(kept))}


def steps(dt, stop):
    """Steps from t = 0 to `stop`."""
    begin(dt)
    for _ in range(round(stop / dt)):
        h.fadvance()


def concentrations(species):
    """All nodes of a species, in order."""
    return np.array(species.nodes.concentration)


def voxel_chain(number, dt, stop):
    """Sodium in a row of cylinders in voxels, each with Hodgkin-Huxley channels: amol gained, and amol carried."""
    from neuron import rxd

    row = []
    for i in range(number):
        made = straight(f"part{i}", (10 * i, 0, 0), (10 * i + 10, 0, 0), 2)
        made.insert("hh")
        if row:
            made.connect(row[-1](1))
        row.append(made)
    rxd.set_solve_type(row, dimension=3)
    cyt = rxd.Region(row, name="cyt", nrn_region="i", dx=0.25)
    na = kept(rxd.Species(cyt, name="na", charge=1, d=0.6, initial=10))
    clamp = pulse(row[0](0.5), 0.1)
    begin(dt)
    volume = np.array(na.nodes.volume)
    before, carried = volume @ concentrations(na), 0.0
    for _ in range(round(stop / dt)):
        h.fadvance()
        density = sum(segment.ina * segment.area() for made in row for segment in made)  # mA/cm2 um2
        carried -= 10 * density * dt / 96.48533212
    return {"gained": volume @ concentrations(na) - before, "carried": np.array(carried), "kept": np.array(clamp.amp)}


def voxel_doubling(forward, backward, dt, stop):
    """A <-> 2 B in voxels, from 1 mM of A: 2 A + B in one of them after each step, mM."""
    from neuron import rxd

    cell = straight("cell", (0, 0, 0), (4, 0, 0), 2)
    rxd.set_solve_type([cell], dimension=3)
    cyt = rxd.Region([cell], name="cyt", dx=0.5)
    a, b = kept(rxd.Species(cyt, name="a", initial=1)), kept(rxd.Species(cyt, name="b", initial=0))
    reaction = rxd.Reaction(a, 2 * b, forward, backward)
    begin(dt)
    total = []
    for _ in range(round(stop / dt)):
        h.fadvance()
        total.append(2 * a.nodes[0].concentration + b.nodes[0].concentration)
    return {"total": np.array(total), "kept": np.array(reaction is not None)}


def voxel_uniform(path, name, dt, stop):
    """1 mM everywhere in the voxels of one section of a reconstructed cell, which only diffuses."""
    from neuron import rxd

    (section,) = [made for made in imported(path, "Import3d_SWC_read") if made.name() == name]
    rxd.set_solve_type([section], dimension=3)
    x = kept(rxd.Species(rxd.Region([section], name="cyt", dx=0.25), name="x", d=1, initial=1))
    steps(dt, stop)
    return {"x": concentrations(x), "volume": np.array(x.nodes.volume)}


def voxel_soma(path, dx):
    """Volume of a soma in voxels and as a section, um^3."""
    from neuron import rxd

    (soma,) = [made for made in imported(path, "Import3d_Neurolucida3") if made.name() == "soma[0]"]
    rxd.set_solve_type([soma], dimension=3)
    x = kept(rxd.Species(rxd.Region([soma], name="cyt", dx=dx), name="x", initial=1))
    h.finitialize(-65)
    return {"voxels": np.sum(x.nodes.volume), "section": np.sum([segment.volume() for segment in soma])}


def voxel_sizes():
    """Adaptive steps in two grids, the coarser made first: the signal that ends a process that tries, or 0."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # it may also run without end
        adaptive_grids((0.5, 0.25))
        os._exit(0)
    return {"signal": np.array(os.WTERMSIG(os.waitpid(child, 0)[1]))}


def adaptive_grids(sides):
    """A step of concentration spreads for 3 ms in two unconnected cylinders, one a voxel size."""
    from neuron import rxd

    cells = [straight(f"cell{i}", (0, 20 * i, 0), (5, 20 * i, 0), 2) for i in range(len(sides))]
    rxd.set_solve_type(cells, dimension=3)
    for i, (cell, dx) in enumerate(zip(cells, sides, strict=True)):
        region = rxd.Region([cell], name=f"r{i}", nrn_region="i", dx=dx)
        kept(rxd.Species(region, name=f"x{i}", d=1, initial=lambda node: float(node.x3d < 2)))
    h.load_file("stdrun.hoc")
    h.cvode_active(1)
    h.finitialize(-65)
    h.continuerun(3)


def kept(species):
    """A species in voxels that lives as long as the process."""
    KEPT.append(species)
    return species


def straight(name, start, end, diameter):
    """A cylinder with a place in space."""
    made = h.Section(name=name)
    made.pt3dadd(*start, diameter)
    made.pt3dadd(*end, diameter)
    return made


def imported(path, reader):
    """The sections of a file."""
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    file = getattr(h, reader)()
    file.quiet = 1
    file.input(path)
    h.Import3d_GUI(file, False).instantiate(None)
    return list(h.allsec())


if __name__ == "__main__":
    model, target, values = sys.argv[1:]
    found = globals()[model](**json.loads(values))
    np.savez(Path(target), **found)
    sys.stdout.flush()
    os._exit(0)  # at once: NEURON aborts where it takes voxels apart
