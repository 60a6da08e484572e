"""Corrections of magnitudes go from match into the model and from there to whatever the model estimates: the same bits, the same quality."""
import json
import pathlib
import sys

import h5py
import numpy as np

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
            cls.skyfold("train", "--sample", cls.at(f"{name}.h5"), "--output", cls.at(f"{name}.model.h5"), *QUIET)

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
            self.skyfold("train", "--sample", self.at(f"{sample}.h5"), "--output", self.path(f"{name}.h5"), "--reference", self.catalogue,
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
        cls.words = ("--match.zeropoint_table", cls.table, "--match.ebv", "ebv", "--match.extinction", "3.2,2.2,1.6,1.2,1.1")
        cls.make_set("tiled", *cls.words)
        cls.skyfold("train", "--sample", cls.at("tiled.h5"), "--output", cls.at("tiled.model.h5"), *QUIET)

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


if __name__ == "__main__":
    support.main()
