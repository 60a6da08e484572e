"""The commands that bench/bounds.py measures, and their inputs, which are made when first wanted."""
import dataclasses
import pathlib
from typing import Callable

import h5py
import healpy as hp
import numpy as np
from astropy.io import fits
from astropy.table import Table

import samples

ALONE = ["--project", "none", "--product-log", "none"]
NSIDE, RADIUS_ARCMIN = 2048, 10.0


class Inputs:
    def __init__(self, launcher, folder):
        self.launcher, self.folder = launcher, pathlib.Path(folder)

    def _once(self, name, make):
        path = self.folder / name
        if not path.exists():
            make(path)
        return str(path)

    def _skyfold(self, ranks, *words):
        self.launcher.run(ranks, *map(str, words), "--threads", "1", *ALONE)

    def survey(self, n, spectroscopic=0):
        return self._once(f"survey-{n}-{spectroscopic}.h5", lambda path: self._skyfold(
            2, "mock", "--objects", n, "--spectroscopic", spectroscopic, "--output", path))

    def sample(self):
        """About 20,000 objects with redshift."""
        return self.survey(1_000_000, 0.02)[:-3] + ".spec.h5"

    def model(self, algorithm):
        """Trained on about 10,000 objects."""
        sample = self.sample()
        return self._once(f"{algorithm}.h5", lambda path: self._skyfold(0, "train", "--sample", sample, "--algorithms", algorithm, "--output", path))

    def shuffled(self, n):
        """The survey as a FITS table in random order."""
        def make(path):
            with h5py.File(self.survey(n)) as file:
                columns = {name: column[:] for name, column in file["object"].items() if name != "_healpix_29"}
            order = np.random.default_rng(1).permutation(n)
            Table({name: values[order] for name, values in columns.items()}).write(path)
        return self._once(f"shuffled-{n}.fits", make)

    def stars(self, n):
        return self._once(f"stars-{n}.h5", lambda path: self._skyfold(2, "mock", "--kind", "stars", "--objects", n, "--output", path))

    def map(self, nside, ordering):
        def make(path):
            values = np.random.default_rng(3).normal(size=12 * nside**2).astype("f4")
            hp.write_map(str(path), values, nest=ordering == "NESTED", coord="G", dtype="f4")
        return self._once(f"map-{nside}-{ordering}.fits", make)

    def sources(self, n):
        def make(path):
            rng = np.random.default_rng(1)
            lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
            fits.BinTableHDU.from_columns([fits.Column(name="id", format="K", array=np.arange(n)), fits.Column(name="glon", format="D", array=lon),
                                           fits.Column(name="glat", format="D", array=lat)]).writeto(path)
        return self._once(f"sources-{n}.fits", make)

    def _redshift_survey(self, name, ra, dec):
        rng, n = np.random.default_rng(4), len(ra)
        samples.columns(self.folder / f"{name}.table.h5", {
            "ra": ra, "dec": dec, "z": rng.uniform(0.01, 2, n), "z_err": rng.uniform(1e-4, 1e-3, n).astype("f4"),
            "quality": rng.integers(3, 5, n).astype("i4")})
        (self.folder / f"{name}.ini").write_text(samples.INI.format(table=f"{name}.table.h5"))

    def redshift_survey(self, n):
        """Measurements, 30 % of them of an object that is there already."""
        def make(path):
            rng, first = np.random.default_rng(2), int(0.7 * n)
            ra, dec = samples.area(rng, first)
            again = rng.integers(0, first, n - first)
            more_ra, more_dec = samples.nudged(rng, ra[again], dec[again], 0.2)
            order = rng.permutation(n)
            self._redshift_survey(path.stem, np.append(ra, more_ra)[order], np.append(dec, more_dec)[order])
        return self._once(f"redshifts-{n}.ini", make)

    def spectra_of(self, n):
        """A spectroscopic sample of one in twenty objects of a survey."""
        def make(path):
            with h5py.File(self.survey(n)) as file:
                ra, dec = file["object/ra"][:], file["object/dec"][:]
            rng = np.random.default_rng(5)
            chosen = rng.choice(n, n // 20, replace=False)
            self._redshift_survey(path.stem, *samples.nudged(rng, ra[chosen], dec[chosen], 0.2))
            self._skyfold(0, "spec", "--surveys", path.with_suffix(".ini"), "--spec.radius", "1e-6", "--output", path)
        return self._once(f"spectra-{n}.h5", make)

    def estimates(self, n):
        """Known redshifts, and estimates with Gaussian PDFs, in a folder."""
        def make(path):
            path.mkdir()
            rng = np.random.default_rng(7)
            z, error = rng.gamma(4, 0.2, n) + 0.01, rng.uniform(0.01, 0.1, n)
            estimate = z + error * rng.standard_normal(n)
            samples.columns(path / "s.h5", {"id": np.arange(n), "z_spec": z})
            samples.columns(path / "z.h5", {"id": np.arange(n), "z_phot": estimate, "z_err": error})
            with h5py.File(path / "z.pdf.hdf5", "w") as file:
                file["data/weights"], file["data/means"], file["data/stds"] = np.ones((n, 1)), estimate[:, None], error[:, None]
        return self._once(f"estimates-{n}", make)


@dataclasses.dataclass
class Case:
    name: str
    objects: int
    counted: tuple[int, int]                     # objects of the two runs whose instructions are counted
    words: Callable[[Inputs, int], list]         # of the command, without what all have
    unit: str = "objects"
    on_ranks: bool = True                        # else one process with threads
    in_cache: Callable[[Inputs, int], list] | None = None   # the same work with data that fit a processor's own cache
    counts_in_cache: bool = False                # count instructions there, where little is read
    only_computing: bool = False                 # rates are of the phase that computes: the rest does not grow with objects
    lines: float = 0.0                           # lines of 64 bytes per object, anywhere in memory


def _photoz(algorithm, *words):
    def plain(inputs, n):
        return ["photoz", "--catalogue", inputs.survey(n), "--model", inputs.model(algorithm), "--fits", inputs.folder / "out.fits", *words]
    return {"words": plain, "in_cache": lambda inputs, n: [*plain(inputs, n), "--farm.block_rows", 4096]}


def _patch(ordering):
    words = lambda inputs, n, nside: ["patch", "--maps", inputs.map(nside, ordering), "--sources", inputs.sources(n), "--measure", "mean",
                                      "--patch.radius", RADIUS_ARCMIN * NSIDE / nside]
    return {"words": lambda inputs, n: words(inputs, n, NSIDE), "in_cache": lambda inputs, n: words(inputs, n, NSIDE // 16), "counts_in_cache": True,
            "only_computing": True, "unit": "sources", "lines": lines_of_disc(ordering == "NESTED")}


def lines_of_disc(nested, n=1000):
    """Lines of 64 bytes that the pixels of a disc lie in, 4 bytes each, on average."""
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(n, 3))
    return np.mean([len(np.unique(hp.query_disc(NSIDE, vector, np.radians(RADIUS_ARCMIN / 60), nest=nested) // 16)) for vector in vectors])


def all_cases():
    mock = lambda inputs, n: ["mock", "--objects", n]
    return [
        Case("mock", 2_000_000, (20_000, 60_000), mock),
        Case("import, FITS, random order", 1_000_000, (20_000, 60_000), lambda inputs, n: ["import", "--input", inputs.shuffled(n)], "rows"),
        Case("import, HDF5, in order", 2_000_000, (20_000, 60_000), lambda inputs, n: ["import", "--input", inputs.survey(n)], "rows"),
        Case("photoz, dnf", 60_000, (1_000, 3_000), **_photoz("dnf")),
        Case("photoz, dnf, PDF", 50_000, (1_000, 3_000), **_photoz("dnf", "--pdf", "interp")),
        Case("photoz, knn", 200_000, (1_000, 5_000), **_photoz("knn")),
        Case("photoz, knn, PDF", 150_000, (1_000, 5_000), **_photoz("knn", "--pdf", "interp")),
        Case("locus", 250_000, (20_000, 40_000), lambda inputs, n: ["locus", "--traverse", "--catalogue", inputs.stars(n)], "targets"),
        Case("patch, RING", 1_000_000, (2_000, 12_000), **_patch("RING")),
        Case("patch, NESTED", 1_000_000, (2_000, 12_000), **_patch("NESTED")),
        Case("match", 2_000_000, (20_000, 100_000), lambda inputs, n: ["match", "--spec", inputs.spectra_of(n), "--catalogue", inputs.survey(n)]),
        Case("spec", 800_000, (10_000, 40_000), lambda inputs, n: ["spec", "--surveys", inputs.redshift_survey(n)], "measurements", on_ranks=False),
        Case("validate", 150_000, (2_000, 6_000), lambda inputs, n: [
            "validate", "--sample", f"{inputs.estimates(n)}/s.h5", "--estimates", f"{inputs.estimates(n)}/z.h5", "--magnitude", "none"]),
        Case("train, knn", 8_000, (1_000, 2_000), lambda inputs, n: [
            "train", "--sample", inputs.sample(), "--algorithms", "knn", "--train.fraction", n / 20_000], "training objects", on_ranks=False),
    ]
