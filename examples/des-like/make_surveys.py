"""Four synthetic redshift surveys of the objects of a mock catalogue, with columns, flags, depths and errors of their own, and
a few groups of measurements whose right answer is known (expected.json). As a task of a pipeline it says that they are made by an event.

usage: make_surveys.py SURVEY.h5 FOLDER
"""
import json
import os
import pathlib
import shutil
import sys

import h5py
import numpy as np
from astropy.table import Table

ARCSEC = 1 / 3600
# name: faint limit in i [mag], part observed, redshift error (None: not given), part of bad redshifts
SURVEYS = {"WIDE": (20.0, 0.7, 2e-4, 0.03), "DEEP": (22.6, 0.25, 5e-4, 0.1), "FAINT": (23.6, 0.12, None, 0.15), "OLD": (18.8, 0.4, 1e-3, 0.05)}


def observe(sky, name, rng):
    """Rows of one survey: position, redshift, error, quality 0 to 4."""
    limit, part, error, bad = SURVEYS[name]
    chosen = np.flatnonzero((sky["mag_i"] < limit) & (rng.uniform(size=len(sky["ra"])) < part))
    n = len(chosen)
    dec = sky["dec"][chosen] + rng.normal(0, 0.1, n) * ARCSEC
    ra = (sky["ra"][chosen] + rng.normal(0, 0.1, n) * ARCSEC / np.cos(np.radians(dec))) % 360
    z = sky["z_spec"][chosen].astype("f8")
    quality = np.where(rng.uniform(size=n) < 0.8, 4, 3)
    is_bad = rng.uniform(size=n) < bad
    quality[is_bad] = rng.integers(0, 3, is_bad.sum())
    z = np.where(is_bad, rng.uniform(0, 2, n), z + rng.normal(0, error or 1e-3, n))
    z[sky["is_star"][chosen] > 0] = rng.normal(0, 1e-4, (sky["is_star"][chosen] > 0).sum())
    return {"ra": ra, "dec": dec, "z": z, "err": np.full(n, error or np.nan), "quality": quality}


def known_cases():
    """Groups of measurements (survey, RA, Dec, z, error, quality), and what must come of them: (survey, z, group size) each."""
    nan = float("nan")
    east = lambda ra, dec, arcsec: ra + arcsec * ARCSEC / np.cos(np.radians(dec))
    return {
        "the higher quality decides": ([("FAINT", 100, 40, 0.50, nan, 3), ("OLD", 100, 40, 0.51, 1e-3, 4)], [("OLD", 0.51, 2)]),
        "then the later year": ([("WIDE", 101, 40, 0.50, 1e-4, 4), ("DEEP", 101, 40, 0.501, 1e-3, 4)], [("DEEP", 0.501, 2)]),
        "then the smaller error, when all have one": ([("DEEP", 102, 40, 0.50, 4e-4, 4), ("DEEP", 102, 40, 0.501, 3e-4, 4)], [("DEEP", 0.501, 2)]),
        "else the redshift nearest to the mean": ([("DEEP", 103, 40, 0.500, 1e-4, 4), ("DEEP", 103, 40, 0.503, nan, 4), ("DEEP", 103, 40, 0.508, 1e-3, 4)], [("DEEP", 0.503, 3)]),
        "then the row": ([("DEEP", 104, 40, 0.25, nan, 4), ("DEEP", 104, 40, 0.75, nan, 4)], [("DEEP", 0.25, 2)]),
        "a chain is one group": ([("WIDE", 105, 40, 0.30, 3e-4, 4), ("WIDE", east(105, 40, 0.8), 40, 0.31, 2e-4, 4), ("WIDE", east(105, 40, 1.6), 40, 0.30, 4e-4, 4)], [("WIDE", 0.31, 3)]),
        "RA wraps": ([("WIDE", 360 - 0.4 * ARCSEC, 30, 0.20, 3e-4, 4), ("WIDE", 0.4 * ARCSEC, 30, 0.2001, 2e-4, 4)], [("WIDE", 0.2001, 2)]),
        "the pole is a place": ([("DEEP", 10, 90 - 0.4 * ARCSEC, 0.60, 3e-4, 4), ("DEEP", 190, 90 - 0.4 * ARCSEC, 0.6002, 2e-4, 4)], [("DEEP", 0.6002, 2)]),
        "1.2 arcsec apart are two": ([("WIDE", 107, 40, 0.1, 1e-4, 4), ("WIDE", east(107, 40, 1.2), 40, 0.1, 1e-4, 4)], [("WIDE", 0.1, 1), ("WIDE", 0.1, 1)]),
        "low quality does not take part": ([("FAINT", 108, 40, 0.7, nan, 3), ("FAINT", 108, 40, 1.7, nan, 2)], [("FAINT", 0.7, 1)]),
    }


def add(rows, case):
    for name, ra, dec, z, err, quality in case:
        for key, value in zip(("ra", "dec", "z", "err", "quality"), (ra, dec, z, err, quality)):
            rows[name][key] = np.append(rows[name][key], value)


def write(rows, sky, folder):
    wide, deep, faint, old = (rows[name] for name in ("WIDE", "DEEP", "FAINT", "OLD"))
    kind = np.where(np.abs(wide["z"]) < 0.001, "STAR", "GALAXY")
    Table({"PLUG_RA": wide["ra"], "PLUG_DEC": wide["dec"], "Z": wide["z"], "Z_ERR": wide["err"].astype("f4"),
           "ZWARNING": np.where(wide["quality"] >= 3, 0, 4).astype("i4"), "CLASS": kind}).write(folder / "wide.fits", overwrite=True)
    confidence = np.choose(deep["quality"].astype(int), [0.1, 0.3, 0.7, 0.95, 0.995])
    with open(folder / "deep.csv", "w") as file:
        file.write("source,ALPHA_J2000,DELTA_J2000,zspec,zspec_err,confidence,n_lines\n")
        for i, values in enumerate(zip(deep["ra"], deep["dec"], deep["z"], deep["err"], confidence, deep["quality"])):
            ra, dec, z, err, c, q = (v.item() for v in values)
            file.write(f"D{i},{ra!r},{dec!r},{z!r},{'' if err != err else repr(err)},{c!r},{3 if q == 4 else 1}\n")
    with h5py.File(folder / "faint.h5", "w") as file:
        for key, values in (("ra", faint["ra"]), ("dec", faint["dec"]), ("redshift", faint["z"]), ("qop", faint["quality"].astype("i4"))):
            file[f"data/{key}"] = values
    with open(folder / "old.txt", "w") as file:
        file.write("# RAJ2000 DEJ2000 z e_z q\n")
        for values in zip(old["ra"], old["dec"], old["z"], old["err"], old["quality"]):
            ra, dec, z, err, q = (v.item() for v in values)
            file.write(f"{ra!r} {dec!r} {z!r} {err!r} {int(q) + 1}\n")


def main():
    survey, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(survey) as file:
        sky = {name: file[f"object/{name}"][...] for name in ("ra", "dec", "mag_i", "z_spec", "is_star")}
    rng = np.random.default_rng(1)
    rows = {name: observe(sky, name, rng) for name in SURVEYS}
    for case, _ in known_cases().values():
        add(rows, case)
    write(rows, sky, folder)
    for registration in (pathlib.Path(__file__).parent / "surveys").glob("*.ini"):
        shutil.copy(registration, folder)
    expected = [{"rule": rule, "ra": case[0][1], "dec": case[0][2], "objects": [{"survey": s, "z": z, "group_size": n} for s, z, n in objects]}
                for rule, (case, objects) in known_cases().items()]
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    if "SKYFOLD_EVENTS" in os.environ:
        with open(os.environ["SKYFOLD_EVENTS"], "a") as events:
            events.write("surveys\n")


main()
