#!/usr/bin/env python3
"""Catalogues of one field become a table of objects and one of measurements. An object is a detection in the first exposure of F814W that is there.
Gives out an event `tables`.

usage: merge.py FIELD CATALOGUES_FOLDER OUT_FOLDER"""
import glob
import os
import sys

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack


def detections(path):
    with fits.open(path) as file:
        cards = fits.Header.fromstring("".join(card.ljust(80) for card in file["LDAC_IMHEAD"].data[0][0]))
        rows = Table(file["LDAC_OBJECTS"].data)
    table = Table({"ra": rows["ALPHA_J2000"], "dec": rows["DELTA_J2000"], "mag": np.ravel(rows["MAG_APER"]).astype("f4"),
                   "mag_err": np.ravel(rows["MAGERR_APER"]).astype("f4")})
    table["filter"] = cards["FILTER"]
    table["mjd"] = cards["MJD-OBS"]
    table["visit"] = cards["VISIT"]
    return table[(rows["FLAGS"] == 0) & (table["mag"] < 90)]


def main(field, folder, out):
    tables = [detections(path) for path in sorted(glob.glob(f"{folder}/exp_{field}_*.cat"))]
    first = next(table for table in tables if table["filter"][0] == "F814W")
    objects = first["ra", "dec", "mag"]
    objects["object_id"] = int(field) * 1000 + np.arange(len(objects))
    objects["field"] = int(field)
    objects.rename_column("mag", "mag_first")
    objects.write(os.path.join(out, f"objects_{field}.csv"))
    vstack(tables).write(os.path.join(out, f"measurements_{field}.csv"))
    with open(os.environ["SKYFOLD_EVENTS"], "a") as events:
        events.write("tables\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
