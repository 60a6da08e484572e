#!/usr/bin/python3
"""Processor seconds of `spec` and `match` beside scipy's kd-tree in the same run.

usage: samples.py FOLDER_OF_THE_BUILD   (with bin/skyfold; needs numpy, scipy, h5py; one thread)

spec: 2 million measurements of one survey, 30 % of them of an object that is there already, as an HDF5 table.
match: 200,000 spectroscopic objects against a catalogue of 5 million, ordered by HEALPix.
The whole command is measured, with start-up, reading, writing and the product log; of scipy the trees, the searches and the groups alone.
Small inputs show what start-up and the log take.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

ARCSEC = np.pi / 180 / 3600
RADIUS = 2 * np.sin(ARCSEC / 2)
ROUNDS = 3
INI = """name = BENCH
year = 2020
file = {table}
[columns]
ra = ra
dec = dec
z = z
quality = quality
error = z_err
[quality]
values = 4:4,3:3,2:2,1:1
"""


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def area(rng, n):
    """Positions in the 5000 square degrees of DES, about."""
    return rng.uniform(0, 100, n), np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-65)), np.sin(np.radians(5)), n)))


def nudged(rng, ra, dec, arcsec):
    return (ra + rng.normal(0, arcsec / 3600, len(ra)) / np.cos(np.radians(dec))) % 360, dec + rng.normal(0, arcsec / 3600, len(ra))


def columns(path, table):
    with h5py.File(path, "w") as file:
        for name, values in table.items():
            file[f"object/{name}"] = values
    return str(path)


def processor_seconds(command):
    """Of a command, user and system, the least of some rounds; and its peak memory, MB."""
    best, memory = np.inf, 0.0
    command = [*command, "--threads", "1"]
    for _ in range(ROUNDS):
        output = command[command.index("--output") + 1]
        subprocess.run(["rm", "-rf", output, output + ".run"], check=True)
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
            os.execv(command[0], command)
        _, status, usage = os.wait4(pid, 0)
        if status != 0:
            sys.exit(f"failed: {' '.join(command)}")
        best, memory = min(best, usage.ru_utime + usage.ru_stime), max(memory, usage.ru_maxrss / 1024)
    return best, memory


def timed(task):
    best, result = np.inf, None
    for _ in range(ROUNDS):
        start = time.process_time()
        result = task()
        best = min(best, time.process_time() - start)
    return best, result


def scipy_groups(ra, dec):
    xyz = unit(ra, dec)
    pairs = cKDTree(xyz).query_pairs(RADIUS, output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(ra), len(ra)))
    return connected_components(graph, directed=False)[0]


def scipy_matches(small, large):
    tree = cKDTree(unit(*large))
    distance, _ = tree.query(unit(*small), distance_upper_bound=RADIUS)
    return int(np.isfinite(distance).sum())


def scipy_matches_small_tree(small, large):
    tree = cKDTree(unit(*small))
    distance, _ = tree.query(unit(*large), distance_upper_bound=RADIUS)
    return int(np.isfinite(distance).sum())


def line(name, ours, theirs, memory):
    print(f"{name:<34} {ours:10.2f} {theirs:10.2f} {theirs / ours:8.1f} {memory:8.0f}")


def bench_spec(skyfold, folder, rng, rows=2_000_000):
    first = int(0.7 * rows)
    ra, dec = area(rng, first)
    again = rng.integers(0, first, rows - first)
    ra2, dec2 = nudged(rng, ra[again], dec[again], 0.2)
    ra, dec = np.append(ra, ra2), np.append(dec, dec2)
    order = rng.permutation(rows)
    ra, dec = ra[order], dec[order]
    columns(folder / "bench.h5", {"ra": ra, "dec": dec, "z": rng.uniform(0.01, 2, rows), "z_err": rng.uniform(1e-4, 1e-3, rows).astype("f4"),
                                  "quality": rng.integers(3, 5, rows).astype("i4")})
    ini = folder / "bench.ini"
    ini.write_text(INI.format(table="bench.h5"))
    ours, memory = processor_seconds([skyfold, "spec", "--surveys", str(ini), "--output", str(folder / "s.h5")])
    theirs, objects = timed(lambda: scipy_groups(ra, dec))
    with h5py.File(folder / "s.h5") as file:
        assert len(file["object/id"]) == objects, (len(file["object/id"]), objects)
    line(f"spec, {rows:,} rows", ours, theirs, memory)


def bench_match(skyfold, folder, rng, small=200_000, large=5_000_000):
    ra, dec = area(rng, large)
    table = {"id": np.arange(large), "ra": ra, "dec": dec}
    for band in "griz":
        table[f"mag_{band}"] = rng.normal(22, 1, large).astype("f4")
        table[f"mag_err_{band}"] = rng.uniform(0.01, 0.2, large).astype("f4")
    columns(folder / "raw.h5", table)
    catalogue = str(folder / "cat.h5")
    subprocess.run([skyfold, "import", "--input", str(folder / "raw.h5"), "--output", catalogue], check=True, capture_output=True)
    (folder / "raw.h5").unlink()
    chosen = rng.choice(large, small, replace=False)
    spec_ra, spec_dec = nudged(rng, ra[chosen], dec[chosen], 0.2)
    columns(folder / "bench.h5", {"ra": spec_ra, "dec": spec_dec, "z": rng.uniform(0.01, 2, small), "z_err": np.full(small, 1e-3, "f4"),
                                  "quality": np.full(small, 4, "i4")})
    subprocess.run([skyfold, "spec", "--surveys", str(folder / "bench.ini"), "--output", str(folder / "s.h5"), "--spec.radius", "1e-6"], check=True,
                   capture_output=True)
    ours, memory = processor_seconds([skyfold, "match", "--spec", str(folder / "s.h5"), "--catalogue", catalogue, "--output", str(folder / "t.h5")])
    theirs, matches = timed(lambda: scipy_matches((spec_ra, spec_dec), (ra, dec)))
    with h5py.File(folder / "t.h5") as file:
        assert len(file["object/id"]) == matches, (len(file["object/id"]), matches)
    line(f"match, {small:,} x {large:,}", ours, theirs, memory)
    if large < 1_000_000:
        return
    theirs, _ = timed(lambda: scipy_matches_small_tree((spec_ra, spec_dec), (ra, dec)))
    line("  scipy's tree on the small side", ours, theirs, memory)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    skyfold = str(pathlib.Path(sys.argv[1]).resolve() / "bin" / "skyfold")
    print(f"{'processor seconds':<34} {'skyfold':>10} {'scipy':>10} {'ratio':>8} {'MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(1)
        for rows in (1000, 2_000_000):
            bench_spec(skyfold, pathlib.Path(folder), rng, rows)
        for small, large in ((1000, 10_000), (200_000, 5_000_000)):
            bench_match(skyfold, pathlib.Path(folder), rng, small, large)


if __name__ == "__main__":
    main()
