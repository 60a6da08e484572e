"""Catalogues and products of skyfold in Python.

    import skyfold
    cat = skyfold.open("cat.h5")
    bright = cat.query(where="mag_i < 20", columns=["id", "mag_g - mag_r as gr"])
    near = cat.cone(10.68, 41.27, "2'")
    means = cat.sql("SELECT pix4096, count(*) AS n, avg(mag_i) AS mag FROM object GROUP BY pix4096")
    curve = cat.lightcurve(1237648720693755918)

Answers are astropy Tables, or with `frame=True` data frames of pandas. Questions are answered by the command line, which the environment variable
SKYFOLD names, or PATH has.
"""
from .client import Catalogue, SkyfoldError, open, run
from .pdfs import from_sparse, unpack
from .products import read_catalogue

__all__ = ["Catalogue", "SkyfoldError", "from_sparse", "open", "read_catalogue", "run", "unpack"]
