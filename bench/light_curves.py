#!/usr/bin/python3
"""Light curves beside other programs: skyfold aggregate (mean and rms; all statistics; periods) and lightcurve (by id), numpy, DuckDB (by skyfold
sql, where its library is there) and astropy's LombScargle. One thread each; CPU seconds of the whole process, so that a shared machine costs
little. usage: light_curves.py build/release/bin/skyfold [OBJECTS [EPOCHS]]"""
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
from astropy.timeseries import LombScargle

SKYFOLD = sys.argv[1]
OBJECTS, EPOCHS = (int(word) for word in (sys.argv[2:] + ["200000", "50"][len(sys.argv) - 2:])[:2])


def cpu_of(*words):
    """CPU and wall seconds of a call of skyfold, and its output."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    result = subprocess.run([SKYFOLD, *map(str, words)], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.returncode != 0:
        return None, None, result.stderr.strip().splitlines()[-1]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.time() - start, result.stdout


def cpu_here(task):
    start = time.process_time()
    result = task()
    return time.process_time() - start, result


def make(folder):
    """Objects, and as many measurements of each at random times in two filters, joined by import."""
    rng = np.random.default_rng(1)
    n = OBJECTS * EPOCHS
    of = np.repeat(np.arange(OBJECTS), EPOCHS)
    period = rng.uniform(0.45, 0.9, OBJECTS)
    mjd = 55_000 + rng.uniform(0, 400, n)
    with h5py.File(folder / "objects.hdf5", "w") as f:
        f["id"], f["ra"], f["dec"] = np.arange(OBJECTS) + 10**12, rng.uniform(0, 30, OBJECTS), rng.uniform(-10, 10, OBJECTS)
    with h5py.File(folder / "meas.hdf5", "w") as f:
        f["object"], f["mjd"] = of + 10**12, mjd
        f["filter"] = np.array([b"F475W", b"F814W"])[rng.integers(0, 2, n)]
        f["mag"] = (20 + 0.4 * np.sin(2 * np.pi * mjd / period[of]) + rng.normal(0, 0.03, n)).astype("f4")
        f["magerr"] = np.full(n, 0.03, "f4")
    for words in (("--input", folder / "objects.hdf5", "--output", folder / "objects.h5"),
                  ("--measurements", folder / "meas.hdf5", "--objects", folder / "objects.h5", "--join", "id:object", "--output", folder / "cat.h5")):
        cpu, wall, text = cpu_of("import", *words, "--threads", 1, "--project", "none")
        assert cpu is not None, text
    return folder / "cat.h5"


def tell(what, count, unit, cpu):
    print(f"{what:58} {cpu:8.2f} CPU s  {count / cpu:14,.0f} {unit}/s", flush=True)


def numpy_statistics(path):
    with h5py.File(path) as f:
        first, code, mag = f["meas_offset"][:], f["meas/filter"][:].astype(np.int64), f["meas/mag"][:].astype(np.float64)
    key = np.repeat(np.arange(len(first) - 1), np.diff(first)) * 2 + code
    n = np.bincount(key, minlength=2 * (len(first) - 1))
    with np.errstate(all="ignore"):
        mean = np.bincount(key, mag, len(n)) / n
        return mean, np.sqrt(np.bincount(key, (mag - mean[key]) ** 2, len(n)) / (n - 1))


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        catalogue = make(folder)
        n = OBJECTS * EPOCHS
        one = ("--threads", 1, "--project", "none")
        for what, words in (("aggregate, mean and rms", ("--statistics", "n,mean,rms", "--meas.error", "none")), ("aggregate, all statistics", ())):
            cpu, _, text = cpu_of("aggregate", catalogue, "--output", folder / "a.h5", "--fresh", *words, *one)
            tell(what, n, "measurements", cpu) if cpu else print(what, text)
        tell("numpy, mean and rms by bincount, with reading", n, "measurements", cpu_here(lambda: numpy_statistics(catalogue))[0])
        cpu, _, text = cpu_of("sql", catalogue, "SELECT object_row, filter, count(*), avg(mag), stddev(mag) FROM meas GROUP BY object_row, filter",
                              "--output", folder / "s.h5", *one)
        tell("DuckDB (skyfold sql), GROUP BY object_row, filter", n, "measurements", cpu) if cpu else print("DuckDB:", text)
        few = min(OBJECTS, 2000)
        with h5py.File(catalogue) as f:
            ids, first = f["object/id"][:], f["meas_offset"][:few + 1]
            mjd, mag, err = (f["meas/" + column][:first[-1]].astype("f8") for column in ("mjd", "mag", "magerr"))
        chosen = np.random.default_rng(2).choice(ids, min(10_000, OBJECTS), replace=False)
        with h5py.File(folder / "ids.hdf5", "w") as f:
            f["id"] = chosen
        for count, words in ((1, ("--id", chosen[0])), (len(chosen), ("--ids", folder / "ids.hdf5"))):
            cpu, wall, text = cpu_of("lightcurve", catalogue, *words, "--output", folder / f"c{count}.h5", *one)
            print(f"lightcurve of {count:,} ids: {wall * 1000:.0f} ms, {cpu * 1000 / count:.4f} CPU ms each" if cpu else text)
        small = folder / "few.h5"
        frequencies = np.arange(1 / 400, 1 / 0.2, 1 / 2000)
        for harmonics in (1, 2):
            cpu, _, text = cpu_of("lightcurve", catalogue, "--ids", folder / "ids.hdf5", "--fold", "auto", "--period.min", 0.2, "--period.harmonics", harmonics,
                                  "--output", small, *one)
            tell(f"skyfold, periods of {len(frequencies):,} frequencies, {harmonics} harmonics", len(chosen), "objects", cpu) if cpu else print(text)

        def astropy(objects=100):
            for k in range(objects):
                some = slice(first[k], first[k + 1])
                LombScargle(mjd[some], mag[some], err[some]).power(frequencies, method="fast", assume_regular_frequency=True)
        tell("astropy, one harmonic, fast method (one filter)", 100, "objects", cpu_here(astropy)[0])


main()
