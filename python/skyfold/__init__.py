"""Catalogues and products of skyfold in Python.

    import skyfold
    cat = skyfold.open("cat.h5")
    bright = cat.query(where="mag_i < 20", columns=["id", "mag_g - mag_r as gr"])
    near = cat.cone(10.68, 41.27, "2'")
    means = cat.sql("SELECT pix4096, count(*) AS n, avg(mag_i) AS mag FROM object GROUP BY pix4096")
    curve = cat.lightcurve(1237648720693755918)
    skyfold.run("photoz", catalogue="cat.h5", model="model.h5", output="z.hdf5", pdf="packed", ranks=4)
    z = skyfold.open("z.hdf5").to_pandas()
    p = skyfold.open("z.hdf5").pdfs().evaluate([0.1, 0.2, 0.3], rows=slice(0, 1000))

Answers are astropy Tables, or with `frame=True` data frames of pandas. Questions are answered by the command line, which the environment variable
SKYFOLD names, or PATH has.
"""
from .client import Catalogue, open
from .command import SkyfoldError, run
from .flags import PatchFlag, PhotozFlag, decode_flags, has_flag
from .pdfs import Pdfs, from_sparse, open_pdfs, unpack
from .products import read_catalogue

__all__ = ["Catalogue", "PatchFlag", "Pdfs", "PhotozFlag", "SkyfoldError", "decode_flags", "from_sparse", "has_flag", "open", "open_pdfs",
           "read_catalogue", "run", "unpack"]
__version__ = "0.1.0"
