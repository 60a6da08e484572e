#!/usr/bin/python3
"""Sources per second and core of `patch` beside a loop of healpy in the same run, and a whole run beside reading its map.

usage: patch.py FOLDER_OF_THE_BUILD   (with bin/skyfold and bench/patch_bench; needs numpy, astropy, healpy)
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import healpy as hp
import numpy as np
from astropy.io import fits

NSIDES, COUNTS, RADIUS, ROUNDS = (1024, 2048), (1000, 100_000, 1_000_000), 10.0, 5


def positions(n):
    rng = np.random.default_rng(1)
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def healpy_rate(values, nside, nested, n=100_000):
    """Discs of random sources, one after the other, as a user of healpy writes it; sources per second of processor time."""
    lon, lat = positions(n)
    vectors = hp.ang2vec(np.radians(90 - lat), np.radians(lon))
    rates = []
    for _ in range(ROUNDS if not nested else 1):
        start = time.process_time()
        for vector in vectors:
            values[hp.query_disc(nside, vector, np.radians(RADIUS / 60), nest=nested)].mean(dtype="f8")
        rates.append(n / (time.process_time() - start))
    return np.median(rates)


def wall(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ, HDF5_USE_FILE_LOCKING="FALSE"))
    return time.perf_counter() - start, done.stdout


def peak_memory(command):
    """Largest resident memory of a process, MB."""
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv(command[0], command)
    return os.wait4(pid, 0)[2].ru_maxrss / 1024


def kernel_table(build):
    healpy = {}
    print("Sources per second and core, discs of 10 arcmin; the kernel alone, maps in memory\n")
    for nside in NSIDES:
        values = np.random.default_rng(2).normal(size=12 * nside**2).astype("f4")
        for nested in (False, True):
            healpy[nside, "NESTED" if nested else "RING"] = healpy_rate(values, nside, nested)
    print(f"{'NSide':>5} {'numbering':<9} {'measure':<9} {'sources':>9} {'order':<7} {'skyfold':>10} {'healpy loop':>12} {'ratio':>7}")
    for line in wall([str(build / "bench" / "patch_bench")])[1].splitlines():
        nside, numbering, what, n, order, rate = line.split()
        loop = healpy[int(nside), numbering] if what == "mean" else None
        ratio = "" if loop is None else f"{float(rate) / loop:7.1f}"
        print(f"{nside:>5} {numbering:<9} {what:<9} {int(n):>9} {order:<7} {float(rate):>10.0f} {'' if loop is None else f'{loop:12.0f}':>12} {ratio:>7}")


def run_table(build, folder):
    skyfold = str(build / "bin" / "skyfold")
    print("\nA whole run on one core, means of one map in the page cache [s]; start-up is that of MPI and the run folder\n")
    print(f"{'NSide':>5} {'sources':>9} {'wall':>6} {'start':>6} {'the rest':>8} {'map read':>8} {'rest/read':>9} {'healpy read':>11} {'MB':>6}")
    for nside in NSIDES:
        path = str(folder / f"m{nside}.fits")
        hp.write_map(path, np.random.default_rng(3).normal(size=12 * nside**2).astype("f4"), coord="G", dtype="f4")
        read = float(wall([str(build / "bench" / "patch_bench"), path])[1])
        start = time.perf_counter()
        hp.read_map(path, dtype=np.float32)
        healpy_read = time.perf_counter() - start
        for n in COUNTS:
            lon, lat = positions(n)
            sources = str(folder / "s.fits")
            fits.BinTableHDU.from_columns([fits.Column(name="id", format="K", array=np.arange(n)), fits.Column(name="glon", format="D", array=lon),
                                           fits.Column(name="glat", format="D", array=lat)]).writeto(sources, overwrite=True)
            command = [skyfold, "patch", "--maps", path, "--sources", sources, "--output", str(folder / "o.h5"), "--measure", "mean", "--threads", "1", "--fresh"]
            runs = []
            for _ in range(ROUNDS):
                out = wall(command)[1]
                phase = {name: float(seconds) for name, seconds in re.findall(r"^(\w+) +([\d.]+) +[\d.]+%", out, re.M)}
                runs.append((phase["sum"], phase["start"]))
            total, start_up = (float(np.median(column)) for column in zip(*runs))
            print(f"{nside:>5} {n:>9} {total:>6.2f} {start_up:>6.2f} {total - start_up:>8.2f} {read:>8.2f} {(total - start_up) / read:>9.2f} {healpy_read:>11.2f} "
                  f"{peak_memory(command):>6.0f}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="skyfold_bench_") as folder:
        kernel_table(build)
        run_table(build, pathlib.Path(folder))


if __name__ == "__main__":
    main()
