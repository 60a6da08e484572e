#!/usr/bin/python3
"""All photo-z algorithms on the same public samples: quality, time to train, speed and memory on one core, as a table.

usage: bench/algorithms.py SKYFOLD DATA_FOLDER [--algorithms A,B,C] [--samples dc2,des,sdss]

DATA_FOLDER holds, beside the folder templates with sdss2010-*.ecsv (speclite), dc2/test_dc2_{training,validation}_9816.hdf5 (RAIL), des/des_spec_open.fits and sdss_mgs/SDSS_MGS.{train,test} (MLZ).
Trained with default options; the test objects are used for nothing but the numbers printed. Speed is that of photoz' computing phase with
PDFs on a grid of 301 points (skyfold's own clock, best of three runs), on the test objects repeated until there are 100,000.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import h5py
import numpy as np

LEAST_OBJECTS, ROUNDS = 100_000, 3


def write(path, columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[f"data/{name}"] = values


def dc2(folder, data):
    """RAIL's split of simulated LSST objects."""
    for part, source in (("train", "training"), ("test", "validation")):
        with h5py.File(f"{data}/dc2/test_dc2_{source}_9816.hdf5") as file:
            write(f"{folder}/{part}.h5", {name: values[()] for name, values in file["photometry"].items()})


def des(folder, data):
    """Real objects with spectra, without stars and sentinels of the redshift; every other one is for training."""
    from astropy.io import fits

    table = fits.getdata(f"{data}/des/des_spec_open.fits")
    bands = [name for name in table.names if name.startswith("MAG_")]
    columns = {"id": table["COADD_OBJECT_ID"], "redshift": table["Z"], **{name: table[name] for name in bands}}
    native = {name: values.astype(values.dtype.newbyteorder("=")) for name, values in columns.items()}
    for name in bands:
        # Sentinels of non-detections differ between rows of this file.
        unknown = ~((native[name] > -90) & (native[name] < 37))
        native[name] = np.where(unknown, 99.0, native[name]).astype(native[name].dtype)
    used = native["redshift"] > 0.001
    for part, parity in (("train", 0), ("test", 1)):
        rows = used & (np.arange(len(used)) % 2 == parity)
        write(f"{folder}/{part}.h5", {name: values[rows] for name, values in native.items()})


def sdss(folder, data):
    """MLZ's split of SDSS main galaxies; the header of the files leaves out one error column."""
    names = ["redshift"] + [f"mag_{b}" for b in "ugriz"]
    errors = [f"magerr_{b}" for b in "ugriz"]
    for part in ("train", "test"):
        values = np.loadtxt(f"{data}/sdss_mgs/SDSS_MGS.{part}")
        # z, five magnitudes, four colours, five errors of magnitudes, four of colours.
        columns = dict(zip(names, values[:, :6].T)) | dict(zip(errors, values[:, 10:15].T))
        write(f"{folder}/{part}.h5", {"id": np.arange(len(values))} | columns)


SAMPLES = {"dc2": dc2, "des": des, "sdss": sdss}


def template_options(algorithm, sample, data):
    """What codes of templates cannot know by themselves."""
    if algorithm == "lephare":
        filters = {"dc2": "lsst", "des": "des", "sdss": f"{data}/../templates/filters_speclite/sdss2010-{{band}}.ecsv"}[sample]
        return ["--lephare.filters", filters, "--lephare.prior", "vvds", "--lephare.err_scale", 0.02 if sample == "dc2" else 0.03]
    if algorithm != "bpz":
        return []
    return {"dc2": ["--bpz.filters", "lsst"], "des": ["--bpz.filters", "des", "--bpz.prior", "des-y1", "--bpz.zp_error", 0.03],
            "sdss": ["--bpz.filters", f"{data}/../templates/filters_speclite/sdss2010-{{band}}.ecsv", "--bpz.zp_error", 0.03]}[sample]


def run(*words):
    """Output, processor time [s] and memory [MB] of a command."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([*map(str, words), "--threads", "1", "--project", "none", "--product-log", "none"], stdout=output,
                                   stderr=subprocess.STDOUT, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        text = output.read()
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{text}")
    return text, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def speed_catalogue(folder):
    with h5py.File(f"{folder}/test.h5") as file:
        columns = {name: values[()] for name, values in file["data"].items()}
    n = len(columns["id"])
    copies = -(-LEAST_OBJECTS // n)
    write(f"{folder}/many.h5", {name: np.tile(values, copies) for name, values in columns.items()} | {"id": np.arange(n * copies)})
    return n * copies


def measure(skyfold, folder, algorithm, objects, z_max, options):
    model = f"{folder}/{algorithm}.h5"
    _, train_s, train_mb = run(skyfold, "train", "--sample", f"{folder}/train.h5", "--train.fraction", 1, "--algorithms", algorithm,
                               "--output", model, *options)
    compute_s, photoz_mb = np.inf, 0.0
    for _ in range(ROUNDS):
        text, _, megabytes = run(skyfold, "photoz", "--catalogue", f"{folder}/many.h5", "--model", model, "--output", f"{folder}/z.hdf5",
                                 "--pdf", "interp", "--pdf.bins", 301, "--pdf.zmax", z_max, "--fresh")
        # The last table is that of the estimates; the ordered copy of the table has one before it.
        compute_s = min(compute_s, float(re.findall(r"^compute\s+([0-9.]+)", text, re.M)[-1]))
        photoz_mb = max(photoz_mb, megabytes)
    run(skyfold, "validate", "--sample", f"{folder}/test.h5", "--models", model, "--output", f"{folder}/{algorithm}.v.h5", "--json",
        f"{folder}/{algorithm}.json", "--pdf.bins", 1001, "--bootstrap.realisations", 0)
    with open(f"{folder}/{algorithm}.json", encoding="utf-8") as file:
        metrics = json.load(file)["models"][0]["metrics"]["all"]
    value = {name: metrics[name]["value"] for name in ("nmad", "out_015", "cde_loss", "pit_ks", "within_err")}
    return (f"| `{algorithm}` | {objects / compute_s:,.0f} | {train_s:.1f} | {train_mb:.0f} | {photoz_mb:.0f} | {value['nmad']:.4f} | "
            f"{100 * value['out_015']:.2f} % | {value['cde_loss']:.2f} | {value['pit_ks']:.3f} | {100 * value['within_err']:.1f} % |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("skyfold")
    parser.add_argument("data")
    parser.add_argument("--algorithms", default="trainz,dnf,knn,cmnn,pofz,gpz,annz,annz2,skynet,mdn,arborz,tpz,bpz,lephare,combine")
    parser.add_argument("--samples", default="dc2,des,sdss")
    arguments = parser.parse_args()
    for sample in arguments.samples.split(","):
        with tempfile.TemporaryDirectory() as folder:
            SAMPLES[sample](folder, arguments.data)
            objects = speed_catalogue(folder)
            with h5py.File(f"{folder}/train.h5") as file:
                z, n_train = file["data/redshift"][()], len(file["data/id"])
            with h5py.File(f"{folder}/test.h5") as file:
                n_test = len(file["data/id"])
            print(f"\n{sample}: {SAMPLES[sample].__doc__} {n_train:,} to train, {n_test:,} to test\n")
            print("| algorithm | objects/s/core with PDF | training [CPU s] | train [MB] | photoz [MB] | NMAD | abs(dz) > 0.15 | CDE loss "
                  "| PIT KS | within z_err |\n|---|---|---|---|---|---|---|---|---|---|")
            for algorithm in arguments.algorithms.split(","):
                options = template_options(algorithm, sample, arguments.data)
                print(measure(arguments.skyfold, folder, algorithm, objects, round(1.1 * float(z.max()), 2), options), flush=True)


if __name__ == "__main__":
    main()
