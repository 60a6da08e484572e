#!/usr/bin/python3
"""knn and the weights of Lima et al. 2008 beside scipy's kd-tree, on the same made-up data, in one run, on one core.

usage: bench/knn.py BUILD_FOLDER    (after: cmake --build BUILD_FOLDER --target knn_bench)

scipy's programs are what a careful user writes: cKDTree.query and numpy on whole arrays; no loop over objects.
"""
import os
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from scipy.spatial import cKDTree

BANDS, NEIGHBOURS, SIGMA, SCATTER, ROUNDS = 6, 10, 0.01, 0.5, 3
GRID = np.linspace(0, 2, 100)


def cpu(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def features(mag):
    return np.column_stack([mag[:, :-1] - mag[:, 1:], mag[:, 3]])


def estimate(tree, z, mean, deviation, mag, with_pdf):
    """Median of the mixture, and its PDF on the grid."""
    distance, row = tree.query((features(mag) - mean) / deviation, NEIGHBOURS)
    centre, weight = z[row], 1 / distance
    weight /= weight.sum(1)[:, None]
    low, high = np.quantile(centre, [0.25, 0.75], axis=1)
    sigma = np.sqrt(SIGMA**2 + (SCATTER * (high - low) / 1.349) ** 2)
    pdf = np.empty((len(mag), len(GRID)))
    for begin in range(0, len(mag), 1000):
        part = slice(begin, begin + 1000)
        t = (GRID - centre[part, :, None]) / sigma[part, None, None]
        pdf[part] = np.einsum("nk,nkg->ng", weight[part], np.exp(-0.5 * t * t))
    if with_pdf:
        pdf /= np.trapz(pdf, GRID, axis=1)[:, None]
    cumulative = np.cumsum(pdf, axis=1)
    return GRID[(cumulative < 0.5 * cumulative[:, -1:]).sum(1).clip(max=len(GRID) - 1)]


def search_only(tree, mean, deviation, mag):
    return tree.query((features(mag) - mean) / deviation, NEIGHBOURS)


def knn(folder, words):
    n, without, with_pdf, mixtures, chosen, learned, training_s = int(words[1]), *map(float, words[2:])
    load = lambda name: np.fromfile(f"{folder}/{name}")
    mag, z, query = load(f"training_mag_{n}").reshape(-1, BANDS), load(f"training_z_{n}"), load("query_mag").reshape(-1, BANDS)
    x = features(mag)
    mean, deviation = x.mean(0), x.std(0, ddof=1)
    tree = cKDTree((x - mean) / deviation)
    search = np.median([cpu(lambda: search_only(tree, mean, deviation, query))[0] for _ in range(ROUNDS)])
    times = [cpu(lambda: estimate(tree, z, mean, deviation, query, True)) for _ in range(ROUNDS)]
    scipy_rate, search_rate = len(query) / np.median([t for t, _ in times]), len(query) / search
    difference = np.median(np.abs(times[0][1] - load(f"z_phot_{n}")))
    print(f"{n:>9,} {without:>10,.0f} {with_pdf:>10,.0f} {mixtures:>10,.0f} {search_rate:>14,.0f} {scipy_rate:>14,.0f} "
          f"{with_pdf / scipy_rate:>7.1f} {without / search_rate:>14.1f}   learned metric, K = {chosen:.0f}: {learned:,.0f}, "
          f"training {training_s:.1f} s; median |dz| {difference:.4f}")


def weights(folder, words):
    n, m, ours = int(words[1]), int(words[2]), float(words[3])
    training = np.fromfile(f"{folder}/lima_training_{n}").reshape(-1, 4)
    reference = np.fromfile(f"{folder}/lima_reference").reshape(-1, 4)

    def direct():
        radius = cKDTree(training).query(training, 6)[0][:, 5]
        return cKDTree(reference).query_ball_point(training, radius * (1 + 1e-12), return_length=True)

    theirs, counts = cpu(direct)
    same = np.mean(counts == np.fromfile(f"{folder}/lima_counts_{n}"))
    print(f"{n:>9,} {m:>11,} {ours:>10.2f} {theirs:>10.2f} {theirs / ours:>7.1f}   equal counts: {100 * same:.2f} %")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        lines = subprocess.run([f"{sys.argv[1]}/bench/knn_bench", folder], check=True, capture_output=True, text=True).stdout.splitlines()
        print("knn, objects per core-second: ours without PDF, with 100 points, with mixtures; scipy's search alone, scipy with 100 points;\n"
              "ratios: with PDF, and ours without PDF (median and error included) over scipy's search alone")
        print(f"{'training':>9} {'no PDF':>10} {'100 points':>10} {'mixtures':>10} {'scipy search':>14} {'scipy + PDF':>14} "
              f"{'ratio':>7} {'over search':>14}")
        for line in lines:
            if line.startswith("knn"):
                knn(folder, line.split())
        print("\nweights of Lima et al. 2008, processor time [s]: ours (counts of both sides), scipy (query_ball_point, one side)")
        print(f"{'training':>9} {'reference':>11} {'ours':>10} {'scipy':>10} {'ratio':>7}")
        for line in lines:
            if line.startswith("weights"):
                weights(folder, line.split())


if __name__ == "__main__":
    main()
