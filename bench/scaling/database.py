"""A photometry database at the size of PHAT's: mock -> load of a share -> GROUP BY pixel -> a million cones -> light-curve statistics.

The mock makes objects and measurements as one catalogue. Loading all of them would need their bytes twice more, so an eighth is
loaded: objects and measurements of a mock of that size, joined by id. The steps and how they go on: steps.py.
"""
import pathlib

from steps import Step, run_study

PHAT_OBJECTS = 118_000_000
PHAT_MEASUREMENTS = 1_000_000_000   # a seventh of PHAT's, which do not fit on one disk here
CONES = 1_000_000
SHARE = 8


def steps_of(o):
    folder = pathlib.Path(o.folder)
    path = lambda name: str(folder / name)
    common = ["--threads", str(o.threads), "--project", "none"]
    ranks = o.headline_ranks
    measurements = o.objects * PHAT_MEASUREMENTS // PHAT_OBJECTS
    cones = min(CONES, o.objects // SHARE)

    def mock(name, share, positions):
        return ["mock", "--kind", "photometry", "--objects", str(o.objects // share), "--photometry.measurements", str(measurements // share),
                f"--photometry.positions={positions}", "--output", path(name), *common]

    return [
        Step("mock of a share", ranks, mock("share.h5", SHARE, "true"), ["share.h5"], measurements // SHARE),
        Step("its objects", ranks, ["query", path("share.h5"), "--output", path("objects.h5"), *common], ["objects.h5"], o.objects // SHARE),
        Step("load", ranks, ["import", "--measurements", path("share.h5"), "--input.group", "meas", "--objects", path("objects.h5"), "--join", "id:objid",
                             "--output", path("loaded.h5"), *common], ["loaded.h5"], measurements // SHARE),
        Step("mock", ranks, mock("mock.h5", 1, "false"), ["mock.h5"], measurements),
        Step("GROUP BY pix4096", ranks, ["sky-map", path("mock.h5"), "--nside", "4096", "--stat", "count,mean:f814w_vega,mean:'f475w_vega - f814w_vega'",
                                         "--where", "f475w_vega < 90 and f814w_vega < 90", "--output", path("map.h5"), *common], ["map.h5"]),
        Step("positions", ranks, ["query", path("mock.h5"), "--sample", repr(100 * cones / o.objects), "--columns", "id,ra,dec", "--output", path("cones.h5"), *common],
             ["cones.h5"]),
        Step("cones of 0.2 arcsec", ranks, ["query", path("mock.h5"), "--cones", path("cones.h5"), "--radius", '0.2"', "--columns", "id,ra,dec,f814w_vega",
                                            "--output", path("found.h5"), *common], ["found.h5"], cones),
        Step("statistics", ranks, ["aggregate", path("mock.h5"), "--statistics", "n,mean,rms,chi2,von_neumann", "--output", path("statistics.h5"), *common],
             ["statistics.h5"], measurements),
    ]


def study(launcher, o):
    o.objects = o.objects or PHAT_OBJECTS
    run_study(launcher, o, "database", steps_of(o), "light-curve statistics")
