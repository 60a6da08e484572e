#!/usr/bin/python3
"""Time of a realisation of the bootstrap of `validate` beside numpy and scipy computing the same metrics in the same run.

usage: metrics.py PATH_OF_SKYFOLD [OBJECTS...]   (needs numpy, scipy, h5py)

Both use one processor. Of skyfold, which measures all objects and those left by culling, the processor time of the
realisations of both sets is divided by 1.9: time of one realisation of the whole sample. numpy draws n of n objects with
replacement, gathers the columns and measures them; quantiles by partition, distributions by sorting.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

ROUNDS = 3


def sample(n):
    rng = np.random.default_rng(1)
    z = rng.gamma(4, 0.2, n) + 0.01
    error = rng.uniform(0.01, 0.1, n)
    deviate = rng.standard_normal(n)
    return {"z_spec": z, "z_phot": z + error * deviate, "z_err": error}


def write(folder, columns, with_pdfs):
    ids = np.arange(len(columns["z_spec"]))
    with h5py.File(folder / "s.h5", "w") as file:
        file["object/id"], file["object/z_spec"] = ids, columns["z_spec"]
    with h5py.File(folder / "z.h5", "w") as file:
        file["object/id"], file["object/z_phot"], file["object/z_err"] = ids, columns["z_phot"], columns["z_err"]
    if with_pdfs:
        with h5py.File(folder / "z.pdf.hdf5", "w") as file:
            weights, means, stds = np.ones((len(ids), 1)), columns["z_phot"][:, None], columns["z_err"][:, None]
            file["data/weights"], file["data/means"], file["data/stds"] = weights, means, stds


def processor_time(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=dict(os.environ, HDF5_USE_FILE_LOCKING="FALSE"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def skyfold_time(binary, folder, realisations):
    words = [binary, "validate", "--sample", folder / "s.h5", "--estimates", folder / "z.h5", "--output", folder / "v.h5", "--threads", "1", "--magnitude", "none",
             "--bins.z", "0", "--bins.error", "0", "--bootstrap.realisations"]
    times = [processor_time([*map(str, words), str(realisations)]) - processor_time([*map(str, words), "0"]) for _ in range(ROUNDS)]
    return np.median(times) / realisations / 1.9


def distance(a, b):
    """Largest difference of two cumulative distributions, as scipy.stats.ks_2samp has it without its p-value."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    return np.abs(np.searchsorted(a, both, "right") - np.searchsorted(b, both, "right")).max() / len(a)


def numpy_metrics(z_spec, z_phot, z_err, pit=None, cde=None, odds=None):
    dz = z_phot - z_spec
    e, pull = dz / (1 + z_spec), dz / z_err
    mean, sigma = dz.mean(), dz.std()
    low, median, high = np.quantile(dz, (0.15865, 0.5, 0.84135))
    quarter, middle, three_quarters = np.quantile(e, (0.25, 0.5, 0.75))
    n_spec, n_phot = (np.bincount(np.maximum(z / 0.05, 0).astype(int), minlength=200)[:200] for z in (z_spec, z_phot))
    used, sigma_iqr = n_spec > 0, (three_quarters - quarter) / 1.349
    size = np.abs(dz - mean)
    values = [mean, median, sigma, (high - low) / 2, np.mean(size > 2 * sigma), np.mean(size > 3 * sigma), pull.mean(), pull.std(), np.mean(np.abs(dz) <= z_err),
              np.sqrt(np.mean((n_phot - n_spec)[used] ** 2 / n_spec[used])), distance(z_phot, z_spec), middle, 1.4826 * np.median(np.abs(e - middle)),
              sigma_iqr, np.mean(np.abs(e) > 0.15), np.mean(np.abs(e) > max(0.06, 3 * sigma_iqr))]
    if pit is not None:
        u, n = np.sort(pit), len(pit)
        i = np.arange(1, n + 1)
        clipped = np.clip(u, 1e-4, 1 - 1e-4)
        values += [max((i / n - u).max(), (u - (i - 1) / n).max()), 1 / (12 * n) + np.sum(((2 * i - 1) / (2 * n) - u) ** 2),
                   -n - np.mean((2 * i - 1) * (np.log(clipped) + np.log1p(-clipped[::-1]))), np.mean((u < 1e-4) | (u > 1 - 1e-4)), cde.mean(), odds.mean()]
    return values


def numpy_time(columns, with_pdfs):
    rng = np.random.default_rng(2)
    n = len(columns["z_spec"])
    use = [columns["z_spec"], columns["z_phot"], columns["z_err"]]
    if with_pdfs:
        use += [rng.uniform(size=n), rng.normal(size=n), rng.uniform(size=n)]
    times = []
    for _ in range(2 * ROUNDS):
        start = time.process_time()
        drawn = rng.integers(0, n, n)
        numpy_metrics(*(values[drawn] for values in use))
        times.append(time.process_time() - start)
    return np.median(times)


def main():
    binary = os.path.abspath(sys.argv[1])
    print("One realisation of all metrics, ms of one processor\n\n|   objects | PDFs | skyfold | ns/object |  numpy | ratio |\n|---|---|---|---|---|---|")
    for n in [int(word) for word in sys.argv[2:]] or [10_000, 100_000, 1_000_000]:
        columns = sample(n)
        for with_pdfs in (False, True):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                write(folder, columns, with_pdfs)
                ours, theirs = skyfold_time(binary, folder, max(100, 20_000_000 // n)), numpy_time(columns, with_pdfs)
                print(f"| {n:9,} | {'yes' if with_pdfs else 'no':4} | {1e3 * ours:7.2f} | {1e9 * ours / n:9.1f} | {1e3 * theirs:6.1f} | {theirs / ours:5.1f} |", flush=True)


if __name__ == "__main__":
    main()
