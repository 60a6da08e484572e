"""Corrections of magnitudes go from match into the model and from there to whatever the model estimates: the same bits, the same quality."""
import json
import pathlib
import sys

import h5py
import healpy
import numpy as np
from astropy.coordinates import SkyCoord

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_hdf5, read_bytes, read_group

OFFSETS = "0.5,0.1,0,-0.1,-0.3"  # g r i z Y
QUIET = ("--product-log", "none", "--project", "none")


class CorrectionsTest(support.SkyfoldTest):
    """A mock survey, and its training sets as measured and corrected."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue = cls.at("cat.h5")
        cls.skyfold("mock", "--objects", 6000, "--spectroscopic", 0.3, "--output", cls.catalogue, *QUIET)
        cls.make_set("plain")
        cls.make_set("shifted", "--match.zeropoint", OFFSETS)
        for name in ("plain", "shifted"):
            cls.skyfold("train", "--calibrate", "none", "--sample", cls.at(f"{name}.h5"), "--output", cls.at(f"{name}.model.h5"), *QUIET)

    @classmethod
    def at(cls, name):
        return str(cls.base / name)

    @classmethod
    def make_set(cls, name, *words):
        cls.skyfold("match", "--spec", cls.at("cat.spec.h5"), "--catalogue", cls.catalogue, "--output", cls.at(f"{name}.h5"), *words, *QUIET)

    def estimate(self, model, *words, catalogue=None, name="z.h5", ranks=1):
        result = self.skyfold("photoz", "--catalogue", catalogue or self.catalogue, "--model", self.at(model), "--output", self.path(name),
                              *words, *QUIET, ranks=ranks)
        return read_group(self.path(name)), result

    def fails(self, code, message, *words):
        result = self.run_skyfold(*words, *QUIET)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)


def quality(product, truth):
    """NMAD and the share of |dz| > 0.15, by their definitions."""
    z = truth["z_spec"]
    good = (z > 0) & np.isfinite(product["z_phot"])
    dz = ((product["z_phot"] - z) / (1 + z))[good]
    return 1.4826 * np.median(np.abs(dz - np.median(dz))), np.mean(np.abs(dz) > 0.15)


class AModel(CorrectionsTest):
    def test_corrects_what_it_estimates_as_its_training_sample_was(self):
        truth = read_group(self.catalogue)
        good, outliers = quality(self.estimate("plain.model.h5", name="a.h5")[0], truth)
        product, result = self.estimate("shifted.model.h5", name="b.h5")
        self.assertIn("zero points added [mag]: g 0.5, r 0.1, i 0, z -0.1, Y -0.3", result.err)
        corrected, corrected_outliers = quality(product, truth)
        product, result = self.estimate("shifted.model.h5", "--corrections", "none", name="c.h5")
        self.assertIn("its magnitudes are taken as they are, not corrected", result.err)
        bad, bad_outliers = quality(product, truth)
        # The errors of both from the bootstrap of the objects.
        self.assertLess(abs(corrected - good), 0.003)
        self.assertLess(abs(corrected_outliers - outliers), 0.005)
        self.assertGreater(bad, good + 0.025)
        self.assertGreater(bad_outliers, outliers + 0.05)

    def test_has_the_quality_of_the_uncorrected_one_within_its_error(self):
        self.skyfold("validate", "--sample", self.at("plain.model.validation.h5"), "--models", self.at("plain.model.h5"),
                     self.at("shifted.model.h5"), "--output", self.path("v.h5"), "--json", self.path("v.json"), *QUIET)
        plain, shifted = (model["metrics"]["all"]["nmad"] for model in self.models())
        self.assertGreater(plain["error"], 0)
        self.assertLess(abs(plain["value"] - shifted["value"]), plain["error"])
        self.skyfold("validate", "--sample", self.at("plain.model.validation.h5"), "--models", self.at("shifted.model.h5"),
                     "--corrections", "none", "--output", self.path("n.h5"), "--json", self.path("v.json"), *QUIET)
        self.assertGreater(self.models()[0]["metrics"]["all"]["nmad"]["value"], plain["value"] + 5 * plain["error"])

    def models(self):
        return json.loads(pathlib.Path(self.path("v.json")).read_text())["models"]

    def test_gives_the_same_bits_for_a_set_that_match_corrected_and_for_the_catalogue(self):
        whole = self.estimate("shifted.model.h5", name="a.h5")[0]
        part, result = self.estimate("shifted.model.h5", catalogue=self.at("shifted.h5"), name="b.h5")
        self.assertNotIn("zero points added", result.err)  # which would be done twice
        rows = {int(i): k for k, i in enumerate(whole["id"])}
        rows = [rows[int(i)] for i in part["id"]]
        for column in ("z_phot", "z_err", "d1", "nn_id", "flags"):
            np.testing.assert_array_equal(part[column], whole[column][rows], column)
        self.estimate("shifted.model.h5", name="c.h5", ranks=3)
        self.assertEqual(read_bytes(self.path("a.h5")), read_bytes(self.path("c.h5")))

    def test_refuses_magnitudes_that_are_corrected_otherwise(self):
        words = ("photoz", "--catalogue", self.at("shifted.h5"), "--model", self.at("plain.model.h5"), "--output", self.path("x.h5"))
        self.fails(3, "shifted.h5: its magnitudes are corrected otherwise than those of .*plain.model.h5: zero points g 0.5, .* mag against g 0",
                   *words)
        self.skyfold(*words, "--corrections", "none", *QUIET)
        self.fails(3, "validation.h5: its magnitudes are corrected otherwise than those of .*plain.model.h5", "validate", "--sample", self.at("shifted.model.validation.h5"), "--models",
                   self.at("plain.model.h5"), "--output", self.path("x2.h5"))
        self.fails(3, "plain.h5: its magnitudes are corrected otherwise than those of .*shifted.h5 .zero points g 0.5, r 0.1", "train",
                   "--sample", self.at("shifted.h5"), self.at("plain.h5"), "--output", self.path("m.h5"))
        self.fails(3, "shifted.h5: its magnitudes are corrected already", "match", "--spec", self.at("cat.spec.h5"), "--catalogue",
                   self.at("shifted.h5"), "--match.zeropoint", OFFSETS, "--output", self.path("t.h5"))

    def test_keeps_the_record_of_a_set_through_import_and_training(self):
        held_out = self.at("shifted.model.validation.h5")
        self.skyfold("import", "--input", held_out, "--output", self.path("held.h5"), *QUIET)
        for path in (self.at("shifted.h5"), self.at("shifted.model.h5"), held_out, self.path("held.h5")):
            with h5py.File(path) as file:
                self.assertEqual(file.attrs["corrections.zeropoint"], OFFSETS, path)
        for path in (self.at("plain.h5"), self.at("plain.model.h5"), self.catalogue):
            with h5py.File(path) as file:
                self.assertFalse([name for name in file.attrs if name.startswith("corrections")], path)
        a = self.estimate("shifted.model.h5", catalogue=self.path("held.h5"), name="a.h5")[0]
        self.skyfold("import", "--input", self.at("plain.model.validation.h5"), "--output", self.path("raw.h5"), *QUIET)
        b = self.estimate("shifted.model.h5", catalogue=self.path("raw.h5"), name="b.h5")[0]
        # What is held out has double precision, which is not rounded to the catalogue's single precision again.
        np.testing.assert_allclose(a["z_phot"], b["z_phot"], atol=1e-5)
        with h5py.File(self.at("plain.model.h5")) as plain, h5py.File(self.at("shifted.model.h5")) as shifted:
            # Programs that do not know of corrections must not take such a model.
            self.assertEqual((plain.attrs["format_version"], shifted.attrs["format_version"]), ("2", "3"))

    def test_takes_corrections_from_a_file(self):
        expected = self.estimate("shifted.model.h5", name="a.h5")[0]["z_phot"]
        pathlib.Path(self.path("c.ini")).write_text(f"[corrections]\nbands = g,r,i,z,Y\nzeropoint = {OFFSETS}\n")
        for k, source in enumerate((self.path("c.ini"), self.at("shifted.h5"))):
            product = self.estimate("shifted.model.h5", "--corrections", source, name=f"b{k}.h5")[0]
            np.testing.assert_array_equal(product["z_phot"], expected)
        pathlib.Path(self.path("bad.ini")).write_text("[corrections]\nbands = g,r\nzeropoint = 0.5\n")
        words = ("photoz", "--catalogue", self.catalogue, "--model", self.at("shifted.model.h5"), "--output", self.path("x.h5"), "--corrections")
        self.fails(3, "bad.ini: corrections.zeropoint has 1 values for 2 bands", *words, self.path("bad.ini"))
        self.fails(4, "nowhere.ini", *words, self.path("nowhere.ini"))

    def test_compares_with_a_reference_that_is_corrected_likewise(self):
        coverage = {}
        for name, sample, words in (("a", "plain", ()), ("b", "shifted", ()), ("c", "shifted", ("--reference.corrections", "none"))):
            self.skyfold("train", "--calibrate", "none", "--sample", self.at(f"{sample}.h5"), "--output", self.path(f"{name}.h5"), "--reference", self.catalogue,
                         "--weights", "lima", *words, *QUIET)
            coverage[name] = read_group(self.path(f"{name}.coverage.h5"))["n_balls"]
        # Sums of magnitudes in single precision and offsets round: a few objects lie on the edge of a ball.
        self.assertLess(np.mean(coverage["a"] != coverage["b"]), 0.02)
        self.assertGreater(np.mean(coverage["a"] != coverage["c"]), 0.5)


class TilesAndReddening(CorrectionsTest):
    """Zero points by tile, and extinction by a column."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        raw = read_group(cls.catalogue)
        rng = np.random.default_rng(5)
        cls.raw = {name: raw[name] for name in raw if name not in ("_healpix_29", "is_star")}
        cls.raw["ebv"] = rng.uniform(0, 0.3, len(raw["id"]))
        tiles = np.unique(raw["tile"])
        cls.catalogue = cls.at("red.h5")
        cls.skyfold("import", "--input", make_hdf5(cls.at("raw.h5"), cls.raw), "--output", cls.catalogue, *QUIET)
        offsets = rng.uniform(-0.3, 0.3, (5, len(tiles)))
        cls.table = make_csv(cls.at("zp.csv"), {"tile": tiles, **{band: offsets[k] for k, band in enumerate("grizY")}})
        cls.words = ("--match.zeropoint_table", cls.table, "--extinction.column", "ebv", "--extinction.coefficients", "3.2,2.2,1.6,1.2,1.1")
        cls.make_set("tiled", *cls.words)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.at("tiled.h5"), "--output", cls.at("tiled.model.h5"), *QUIET)

    def test_are_part_of_the_model(self):
        whole = self.estimate("tiled.model.h5", name="a.h5", ranks=2)[0]
        part = self.estimate("tiled.model.h5", catalogue=self.at("tiled.h5"), name="b.h5")[0]
        rows = {int(i): k for k, i in enumerate(whole["id"])}
        np.testing.assert_array_equal(part["z_phot"], whole["z_phot"][[rows[int(i)] for i in part["id"]]])
        with h5py.File(self.at("tiled.model.h5")) as file:
            self.assertEqual(file["corrections/zeropoint"].shape[1], 5)
            self.assertEqual(file.attrs["corrections.ebv"], "ebv")

    def test_are_refused_where_the_catalogue_lacks_what_they_need(self):
        def catalogue(name, columns):
            self.skyfold("import", "--input", make_hdf5(self.path("r.h5"), columns), "--output", self.path(name), *QUIET)
            return ("photoz", "--catalogue", self.path(name), "--model", self.at("tiled.model.h5"), "--output", self.path("x.h5"))

        self.fails(2, "no column 'ebv' of E.B-V., by which its magnitudes are to be corrected",
                   *catalogue("a.h5", {k: v for k, v in self.raw.items() if k != "ebv"}))
        self.fails(2, "no column 'tile' of tiles", *catalogue("b.h5", {k: v for k, v in self.raw.items() if k != "tile"}))
        tiles = self.raw["tile"].copy()
        tiles[17] = b"elsewhere"
        self.fails(3, "tiled.model.h5: no zero points for tile 'elsewhere' of .*c.h5", *catalogue("c.h5", {**self.raw, "tile": tiles}))
        self.assertFalse(pathlib.Path(self.path("x.h5")).exists())

    def test_without_reddening_an_object_has_no_magnitudes(self):
        ebv = self.raw["ebv"].copy()
        ebv[:40] = np.nan
        self.skyfold("import", "--input", make_hdf5(self.path("r.h5"), {**self.raw, "ebv": ebv}), "--output", self.path("c.h5"), *QUIET)
        product = self.estimate("tiled.model.h5", catalogue=self.path("c.h5"))[0]
        lacks = np.isin(product["id"], self.raw["id"][:40])
        self.assertTrue(np.all(np.isnan(product["z_phot"][lacks]) | (product["n_bands"][lacks] > 0)))
        self.assertGreater(np.isnan(product["z_phot"][lacks]).sum(), 20)
        self.assertEqual(np.isnan(product["z_phot"][~lacks]).sum(), 0)


BANDS = "grizY"


class Fluxes(CorrectionsTest):
    """The survey as fluxes in nJy, some of them 0 or less; and its reddening in a map."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        raw = read_group(cls.catalogue)
        rng = np.random.default_rng(11)
        cls.columns = {name: raw[name] for name in ("id", "ra", "dec", "z_spec")}
        for band in BANDS:
            mag = np.where(np.abs(raw["mag_" + band]) < 90, raw["mag_" + band], 30).astype("f8")
            flux = 10 ** ((31.4 - mag) / 2.5)
            error = np.abs(raw["mag_err_" + band]) * flux * np.log(10) / 2.5
            cls.columns[f"{band}_gaap1p0Flux"] = np.where(rng.uniform(size=len(mag)) < 0.03, -0.3 * error, flux)
            cls.columns[f"{band}_gaap1p0FluxErr"] = error.astype("f4")
        cls.ebv = cls.at("ebv.fits")
        cls.nside = 64
        cls.values = rng.uniform(0, 0.3, 12 * cls.nside**2).astype("f4")
        healpy.write_map(cls.ebv, cls.values, nest=True, coord="G", dtype="f4", column_names=["EBV"], overwrite=True)
        cls.magnitudes = cls.at("cat.h5")
        cls.catalogue = cls.at("flux.h5")
        cls.skyfold("import", "--input", make_hdf5(cls.at("raw.h5"), cls.columns), "--output", cls.catalogue, *QUIET)
        cls.words = ("--bands.flux", "{band}_gaap1p0Flux", "--bands.flux_error", "{band}_gaap1p0FluxErr", "--bands", ",".join(BANDS))
        cls.red = ("--extinction.map", cls.ebv, "--extinction.coefficients", "Y:1.1,g:3.64,r:2.70,i:2.06,z:1.58,u:4.81")
        cls.make_set("fluxes", *cls.words, *cls.red)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.at("fluxes.h5"), "--output", cls.at("fluxes.model.h5"), *QUIET)

    def expected(self, band, ra, dec, flux, error):
        """Magnitude, or 99, with error, or limit, by the formulas; E(B-V) by healpy."""
        rotated = SkyCoord(ra, dec, unit="deg", frame="icrs").galactic
        pixel = healpy.ang2pix(self.nside, rotated.l.deg, rotated.b.deg, nest=True, lonlat=True)
        extinction = dict(g=3.64, r=2.70, i=2.06, z=1.58, Y=1.1)[band] * self.values[pixel].astype("f8")
        with np.errstate(invalid="ignore"):
            return (np.where(flux > 0, 31.4 - 2.5 * np.log10(flux) - extinction, 99),
                    np.where(flux > 0, 2.5 / np.log(10) * error / flux, 31.4 - 2.5 * np.log10(error) - extinction))

    def test_become_magnitudes_of_a_training_set(self):
        training, raw = read_group(self.at("fluxes.h5")), read_group(self.catalogue)
        rows = {int(i): k for k, i in enumerate(raw["id"])}
        rows = [rows[int(i)] for i in training["id"]]
        for band in BANDS:
            flux, error = raw[f"{band}_gaap1p0Flux"][rows], raw[f"{band}_gaap1p0FluxErr"][rows].astype("f8")
            mag, err = self.expected(band, raw["ra"][rows], raw["dec"][rows], flux, error)
            # On the edge of a pixel the rotations of two libraries may not agree.
            self.assertLess(np.mean(~np.isclose(training["mag_" + band], mag, rtol=1e-12)), 2e-3)
            self.assertLess(np.mean(~np.isclose(training["mag_err_" + band], err, rtol=3e-7)), 2e-3)
            self.assertGreater(np.sum(mag == 99), 5)
        cut = self.run_skyfold("match", "--spec", self.at("cat.spec.h5"), "--catalogue", self.catalogue, "--output", self.path("c.h5"),
                               *self.words, *self.red, "--cuts", "mag_i < 21", *QUIET)
        self.assertEqual(cut.code, 0, cut)
        self.assertEqual(len(read_group(self.path("c.h5"))["id"]), np.sum(training["mag_i"] < 21))

    def test_are_estimated_as_the_magnitudes_that_match_made_of_them(self):
        whole, result = self.estimate("fluxes.model.h5", name="a.h5", ranks=2)
        self.assertIn("magnitudes from fluxes {band}_gaap1p0Flux, zero point 31.4 mag", result.err)
        part = self.estimate("fluxes.model.h5", catalogue=self.at("fluxes.h5"), name="b.h5")[0]
        rows = {int(i): k for k, i in enumerate(whole["id"])}
        rows = [rows[int(i)] for i in part["id"]]
        for column in ("z_phot", "z_err", "n_bands", "flags"):
            np.testing.assert_array_equal(part[column], whole[column][rows], column)

    def test_train_a_model_as_magnitudes_do(self):
        columns = dict(self.columns)
        for band in BANDS:
            flux, error = columns[f"{band}_gaap1p0Flux"], columns[f"{band}_gaap1p0FluxErr"].astype("f8")
            columns[f"{band}_gaap1p0Flux"] = flux = np.where(flux > 0, flux, np.nan)
            columns["mag_" + band], columns["mag_err_" + band] = 31.4 - 2.5 * np.log10(flux), 2.5 / np.log(10) * error / flux
        self.skyfold("import", "--input", make_hdf5(self.path("r.h5"), columns), "--output", self.path("c.h5"), *QUIET)
        found = {}
        for name, words in (("flux", (*self.words, "--bands.flux_zeropoint", 31.4)), ("mag", ())):
            self.skyfold("train", "--calibrate", "none", "--sample", self.path("r.h5"), "--cuts.min_bands", 3, "--output", self.path(f"{name}.model.h5"), *words, *QUIET)
            result = self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path(f"{name}.model.h5"), "--output",
                                  self.path(f"{name}.z.h5"), *QUIET)
            found[name] = read_group(self.path(f"{name}.z.h5"))
        self.assertGreater(np.mean(np.isfinite(found["mag"]["z_phot"])), 0.9)
        # Single precision errors, from which the last digits of z_phot do not come.
        np.testing.assert_allclose(found["flux"]["z_phot"], found["mag"]["z_phot"], rtol=1e-7)
        held = read_group(self.path("flux.model.validation.h5"))
        self.assertIn("g_gaap1p0Flux", held)  # as they were measured
        self.skyfold("validate", "--sample", self.path("flux.model.validation.h5"), "--models", self.path("flux.model.h5"), "--output",
                     self.path("v.h5"), "--json", self.path("v.json"), *QUIET)
        self.assertLess(json.loads(pathlib.Path(self.path("v.json")).read_text())["models"][0]["metrics"]["all"]["nmad"]["value"], 0.1)

    def test_of_a_reference_are_compared_with_a_sample_of_magnitudes(self):
        words = ("train", "--calibrate", "none", "--sample", self.at("plain.h5"), "--weights", "lima")
        self.skyfold(*words, *QUIET, "--output", self.path("m.h5"), "--reference", self.magnitudes)
        of_fluxes = ("--reference", self.catalogue, "--reference.flux", "{band}_gaap1p0Flux", "--reference.flux_error", "{band}_gaap1p0FluxErr")
        self.skyfold(*words, *QUIET, "--output", self.path("f.h5"), *of_fluxes, "--reference.flux_zeropoint", "31.4")
        magnitudes, fluxes = (read_group(self.path(f"{name}.coverage.h5")) for name in "mf")
        raw = read_group(self.catalogue)
        measured = np.all([(raw[f"{band}_gaap1p0Flux"] > 0) & (raw[f"{band}_gaap1p0Flux"] > 10 ** (0.4 * (31.4 - 29.9))) for band in BANDS], axis=0)
        kept = np.isin(magnitudes["id"], raw["id"][measured])
        np.testing.assert_array_equal(magnitudes["id"], fluxes["id"])
        self.assertLess(np.mean(magnitudes["n_balls"][kept] != fluxes["n_balls"][kept]), 0.02)
        self.fails(2, "--reference.flux has no part in this run", "train", "--calibrate", "none", "--sample", self.at("plain.h5"), "--output", self.path("x.h5"), *of_fluxes[2:4])
        self.fails(2, "no zero point|flux_zeropoint", *words, "--output", self.path("y.h5"), "--reference", make_hdf5(self.path("bare.h5"), {
            name.replace("gaap1p0", ""): values for name, values in self.columns.items()}), "--reference.flux", "{band}_Flux", "--reference.flux_error", "{band}_FluxErr")

    def test_are_refused_where_they_cannot_be_understood(self):
        plain = {name.replace("_gaap1p0Flux", "_f"): values for name, values in self.columns.items()}
        table = make_hdf5(self.path("r.h5"), plain)
        words = ("train", "--calibrate", "none", "--sample", table, "--output", self.path("m.h5"), "--bands", "g,r,i")
        flux = ("--bands.flux", "{band}_f", "--bands.flux_error", "{band}_fErr")
        self.fails(2, "r.h5: no zero point of the fluxes g_f is known .give --bands.flux_zeropoint", *words, *flux)
        self.fails(2, "bands.flux_zeropoint: 2 values for 3 bands", *words, *flux, "--bands.flux_zeropoint", "31,32")
        self.fails(2, "--bands.flux excludes --bands.magnitude", *words, *flux, "--bands.magnitude", "{band}_f")
        self.fails(2, "bands.flux_zeropoint", *words, "--bands.flux_zeropoint", 31.4)
        self.fails(2, "none for band i", *words, *flux, "--bands.flux_zeropoint", 31.4, "--extinction.coefficients", "g:1,r:2",
                   "--extinction.map", self.ebv)
        self.fails(2, "belong together", *words, *flux, "--bands.flux_zeropoint", 31.4, "--extinction.map", self.ebv)
        for band in "gri":
            plain[f"{band}_f"] = np.round(plain[f"{band}_f"]).astype("i8")
        make_hdf5(self.path("r.h5"), plain)
        self.fails(3, "r.h5: fluxes g_f are whole numbers", *words, *flux, "--bands.flux_zeropoint", 31.4)

    def test_take_maps_of_reddening_that_can_be_placed_alone(self):
        words = ("match", "--spec", self.at("cat.spec.h5"), "--catalogue", self.catalogue, "--output", self.path("x.h5"), *self.words)
        coefficients = self.red[2:]
        unknown = self.path("unknown.fits")
        healpy.write_map(unknown, self.values, dtype="f4")
        self.fails(3, "unknown.fits: the frame of the map is not known", *words, "--extinction.map", unknown, *coefficients)
        self.fails(4, "nowhere.fits", *words, "--extinction.map", self.path("nowhere.fits"), *coefficients)
        other = self.path("other.fits")
        healpy.write_map(other, self.values[::-1].copy(), nest=True, coord="G", dtype="f4")
        self.fails(3, "other.fits: is another map of E.B-V. than that of .*fluxes.model.h5", "photoz", "--catalogue", self.catalogue, "--model",
                   self.at("fluxes.model.h5"), "--output", self.path("z.h5"), "--extinction.map", other)
        # The same sky, numbered and turned otherwise.
        l, b = (SkyCoord(*healpy.pix2ang(1024, np.arange(12 * 1024**2), lonlat=True), unit="deg").galactic.l.deg,
                SkyCoord(*healpy.pix2ang(1024, np.arange(12 * 1024**2), lonlat=True), unit="deg").galactic.b.deg)
        celestial = self.path("celestial.fits")
        healpy.write_map(celestial, self.values[healpy.ang2pix(self.nside, l, b, nest=True, lonlat=True)], coord="C", dtype="f4")
        self.make_set("celestial", *self.words, "--extinction.map", celestial, *coefficients)
        same = np.isclose(read_group(self.at("celestial.h5"))["mag_g"], read_group(self.at("fluxes.h5"))["mag_g"], rtol=1e-12)
        self.assertGreater(np.mean(same), 0.9)


    def test_are_known_by_a_preset(self):
        primary = np.arange(len(self.columns["id"])) % 10 != 0
        table = make_hdf5(self.path("r.h5"), {**self.columns, "detect_isPrimary": primary.astype("i4")})
        # The bands of this survey have no u, and a Y.
        preset = (support.SOURCE / "config/surveys/photometry/rubin-dp1.ini").read_text()
        own = preset.replace("u,g,r,i,z,y", "g,r,i,z,Y").replace("26.5,27.8", "27.8").replace("y:1.31", "Y:1.31")
        pathlib.Path(self.path("own.ini")).write_text(own)
        self.skyfold("import", "--input", table, "--output", self.path("c.h5"), *QUIET)
        result = self.skyfold("match", "--spec", self.at("cat.spec.h5"), "--catalogue", self.path("c.h5"), "--output", self.path("t.h5"),
                              "--survey", self.path("own.ini"), "--extinction.map", self.ebv, *QUIET)
        self.assertIn("extinction taken off: " + self.ebv + " times g 3.64, r 2.7, i 2.06, z 1.58, Y 1.31", result.out)
        training, every = read_group(self.path("t.h5")), read_group(self.at("fluxes.h5"))
        kept = np.isin(every["id"], self.columns["id"][primary])
        np.testing.assert_array_equal(training["id"], every["id"][kept])
        np.testing.assert_array_equal(training["mag_g"], every["mag_g"][kept])
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("t.h5"), "--output", self.path("m.h5"), *QUIET)
        self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path("m.h5"), "--survey", self.path("own.ini"), "--output",
                     self.path("z.h5"), *QUIET)
        self.assertEqual(len(read_group(self.path("z.h5"))["id"]), primary.sum())
        self.fails(2, "no such preset, did you mean 'rubin-dp1'. .there are: apass, des-dr2, des-y1, euclid, gaia, hsc, panstarrs, rubin-dp1", "train", "--calibrate", "none", "--sample", table,
                   "--output", self.path("x.h5"), "--survey", "rubin-dp")

    def test_presets_are_understood(self):
        names = sorted(path.stem for path in (support.SOURCE / "config/surveys/photometry").glob("*.ini"))
        self.assertEqual(names, ["apass", "des-dr2", "des-y1", "euclid", "gaia", "hsc", "panstarrs", "rubin-dp1", "rubin-dp2", "sdss"])
        table = make_hdf5(self.path("r.h5"), {"id": np.arange(3), "z_spec": np.ones(3)})
        for name in names:  # what is wrong is the table, and the preset's columns are what it lacks
            result = self.run_skyfold("train", "--calibrate", "none", "--sample", table, "--output", self.path("x.h5"), "--survey", name, *QUIET)
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.err, "no column '.*' .named by --bands|no column is called as --bands")


class Sentinels(CorrectionsTest):
    def test_of_a_catalogue_are_kept_with_it(self):
        raw = read_group(self.catalogue)
        columns = {name: raw[name] for name in raw if name not in ("_healpix_29", "is_star")}
        lacks = np.zeros(len(raw["id"]), bool)
        lacks[::7] = True
        columns["mag_g"] = np.where(lacks, np.inf, columns["mag_g"])
        words = ("import", "--input", make_hdf5(self.path("r.h5"), columns))
        found = {}
        for name, more in (("usual", ()), ("own", ("--bands.nan", "nondetection", "--bands.inf", "missing"))):
            self.skyfold(*words, "--output", self.path(f"{name}.h5"), *more, *QUIET)
            found[name] = self.estimate("plain.model.h5", catalogue=self.path(f"{name}.h5"), name=f"{name}.z.h5")[0]
        bands = {name: dict(zip(z["id"].tolist(), z["n_bands"].tolist())) for name, z in found.items()}
        ids = raw["id"][lacks].tolist()
        self.assertTrue(all(bands["usual"][i] == bands["own"][i] + 1 for i in ids))
        others = raw["id"][~lacks].tolist()
        self.assertTrue(all(bands["usual"][i] == bands["own"][i] for i in others))
        z = self.estimate("plain.model.h5", "--bands.inf", "nondetection", catalogue=self.path("own.h5"), name="said.z.h5")[0]
        np.testing.assert_array_equal(z["n_bands"], found["usual"]["n_bands"])


if __name__ == "__main__":
    support.main()
