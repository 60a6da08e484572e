#!/usr/bin/env python3
"""A page of the objects that vary most, with their light curves by skyfold.

usage: page.py SKYFOLD STATISTICS.h5 CATALOGUE.h5 OUT_FOLDER"""
import os
import subprocess
import sys

import h5py
import numpy as np

MOST = 4


def main(skyfold, statistics, catalogue, out):
    with h5py.File(statistics) as file:
        table = file["object"]
        ids, period, scatter = table["object_id"][:], table["period"][:], table["F475W_rms"][:]
    best = np.argsort(-np.nan_to_num(scatter), kind="stable")[:MOST]
    rows = []
    for row in best:
        picture = f"curve_{ids[row]}.svg"
        subprocess.run([skyfold, "lightcurve", catalogue, "--id", str(ids[row]), "--fold", "auto", "--plot", os.path.join(out, picture),
                        "--output", os.path.join(out, f"curve_{ids[row]}.csv")], check=True)
        rows.append(f"<h2>object {ids[row]}: scatter {scatter[row]:.3f} mag in F475W{f', period {period[row]:.4f} d' if np.isfinite(period[row]) else ''}</h2><img src='{picture}' alt='light curve'>")
    with open(os.path.join(out, "index.html"), "w") as page:
        page.write("<!doctype html><meta charset='utf-8'><title>Variable stars of three fields</title><h1>Variable stars of three fields</h1>" + "\n".join(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
