"""The whole of DES Y1's SPT region: mock -> import -> photoz -> HDF5 + FITS, resumable, with memory over time.

The steps and how they go on: steps.py.
"""
import pathlib

from steps import Step, run_study

DES_Y1_SPT = 126_623_762   # objects of the published run
MAGNITUDES = ",".join(f"{kind}_{band}" for kind in ("mag", "mag_err") for band in "grizY")


def steps_of(o):
    """The training sample is one of about 50,000 objects, half of which trains."""
    folder = pathlib.Path(o.folder)
    path = lambda name: str(folder / name)
    common = ["--threads", str(o.threads), "--project", "none"]
    return [
        Step("mock", o.headline_ranks,
         ["mock", "--objects", str(o.objects), "--seed", "1", "--spectroscopic", repr(min(0.5, 50_000 / o.objects)), "--output", path("mock.h5"), *common], ["mock.h5"]),
        Step("import", o.headline_ranks,
         ["import", "--input", path("mock.h5"), "--ordering", "tile", "--keep", f"tile,{MAGNITUDES}", "--output", path("catalogue.h5"), *common], ["catalogue.h5"]),
        Step("train", 0, ["train", "--algorithms", "dnf", "--sample", path("mock.spec.h5"), "--output", path("model.h5"), *common], ["model.h5"]),
        Step("photoz", o.headline_ranks,
         ["photoz", "--catalogue", path("catalogue.h5"), "--model", path("model.h5"), "--output", path("photoz.h5"), "--fits", path("photoz.fits"), *common],
             ["photoz.h5", "photoz.fits"]),
    ]


def study(launcher, o):
    o.objects = o.objects or DES_Y1_SPT
    run_study(launcher, o, "headline", steps_of(o), "HDF5 and FITS", "; Gschwend et al. (2018): 126,623,762 objects in 2.10 h on 912 cores")
