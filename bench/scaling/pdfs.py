"""PDFs of a whole survey, and n(z) in bins: mock -> train -> photoz with packed PDFs -> nz. The steps and how they go on: steps.py."""
import pathlib

from headline import DES_Y1_SPT
from steps import Step, run_study

SAMPLE = 20_000   # objects with redshift, half of which trains


def steps_of(o):
    folder = pathlib.Path(o.folder)
    path = lambda name: str(folder / name)
    common = ["--threads", str(o.threads), "--project", "none"]
    ranks = o.headline_ranks
    return [
        Step("mock", ranks, ["mock", "--objects", str(o.objects), "--seed", "1", "--spectroscopic", repr(min(0.5, SAMPLE / o.objects)),
                             "--output", path("mock.h5"), *common], ["mock.h5"]),
        Step("train", 0, ["train", "--algorithms", o.algorithm, "--sample", path("mock.spec.h5"), "--output", path("model.h5"), *common], ["model.h5"]),
        Step("photoz", ranks, ["photoz", "--catalogue", path("mock.h5"), "--model", path("model.h5"), "--pdf", "packed", "--pdf.ancil", "ids",
                               "--output", path("photoz.hdf5"), *common],
             ["photoz.hdf5", "photoz.pdf.hdf5"]),
        Step("nz", ranks, ["nz", "--pdf", path("photoz.pdf.hdf5"), "--catalogue", path("mock.h5"), "--where", "is_star == 0 and mag_i < 22.5",
                           "--bins", "z_phot: 0.2,0.43,0.63,0.9,1.3", "--output", path("nz.hdf5"), "--text", path("nz.txt"), "--fits", path("nz.fits"),
                           "--plot", path("nz.svg"), *common], ["nz.hdf5"]),
    ]


def study(launcher, o):
    o.objects = o.objects or DES_Y1_SPT
    run_study(launcher, o, "pdfs", steps_of(o), "packed PDFs and n(z) in bins")
