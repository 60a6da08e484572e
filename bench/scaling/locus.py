"""A traversal at the size of the published one (Creaner et al., The Locus Algorithm): mock stars -> the best pointing about every bright one.

The published catalogue has 61,662,376 pointings among 357,175,411 objects of SDSS. Of as many mock stars those brighter than
r = 18.35 are the same part, within a few per mil. The steps and how they go on: steps.py.
"""
import pathlib
import re

from steps import Step, run_study

SDSS_OBJECTS = 357_175_411
TARGETS_WHERE = "r < 18.35"


def targets_of(closing):
    """How many targets a traversal had, by its closing lines."""
    found = re.search(r"([\d,]+) pointings; ([\d,]+) targets without reference star, ([\d,]+) without magnitude", closing)
    return sum(int(number.replace(",", "")) for number in found.groups())


def steps_of(o):
    folder = pathlib.Path(o.folder)
    path = lambda name: str(folder / name)
    common = ["--threads", str(o.threads), "--project", "none"]
    ranks = o.headline_ranks
    return [
        Step("mock", ranks, ["mock", "--kind", "stars", "--objects", str(o.objects), "--seed", "1", "--output", path("stars.h5"), *common], ["stars.h5"]),
        Step("traversal", ranks, ["locus", "--traverse", "--targets.where", TARGETS_WHERE, "--catalogue", path("stars.h5"), "--output", path("pointings.h5"),
                                  "--fits", path("pointings.fits"), *common], ["pointings.h5", "pointings.fits"], targets_of),
    ]


def study(launcher, o):
    o.objects = o.objects or SDSS_OBJECTS
    run_study(launcher, o, "locus", steps_of(o), "pointings", "; The Locus Algorithm: 61,662,376 pointings among 357,175,411 objects")
