"""What options name is there and has a part in the run, and no number of an option is NaN: in every command."""
import pathlib
import re
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

COMMANDS = ("import", "plan", "train", "photoz", "locus", "patch", "mock", "match", "spec", "validate", "rehearse", "launch", "status")


class OptionValues(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.spec = str(cls.base / "c.h5"), str(cls.base / "c.spec.h5")
        cls.skyfold("mock", "--objects", 1500, "--spectroscopic", 0.4, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.spec, "--output", cls.base / "m.h5", "--dnf.neighbours", 20)
        cls.skyfold("mock", "--kind", "stars", "--objects", 500, "--output", cls.base / "stars.h5")
        cls.skyfold("mock", "--kind", "map", "--map.nside", 64, "--map.sources", 20, "--output", cls.base / "map.fits")
        (cls.base / "s.ini").write_text("name = s\nyear = 2015\nfile = c.spec.h5\n[columns]\nra = ra\ndec = dec\nz = z_spec\n[quality]\ndefault = 4\n")
        cls.skyfold("spec", "--surveys", cls.base / "s.ini", "--output", cls.base / "sample.h5")

    def refused(self, message, *words):
        result = self.run_skyfold(*words, "--output", self.path("x.h5")) if words[0] != "plan" else self.run_skyfold(*words)
        self.assertEqual(result.code, 2, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)
        self.assertFalse(pathlib.Path(self.path("x.h5")).exists())

    def test_no_number_of_an_option_is_nan(self):
        tried = set()
        for command in COMMANDS:
            for name in re.findall(r"(?m)^  --(\S+) NUMBER", self.skyfold(command, "--help").out):
                if name in tried:
                    continue
                tried.add(name)
                result = self.run_skyfold(command, f"--{name}=nan")
                self.assertEqual(result.code, 2, result)
                self.assertRegex(result.errors()[0], rf"{re.escape(name)} = .*nan.*(must be|not a whole number)")
        self.assertGreater(len(tried), 100)

    def test_no_number_within_a_text_is_nan(self):
        photoz = ["photoz", "--catalogue", self.catalogue, "--model", self.base / "m.h5"]
        for words in ([*photoz, "--farm.max_failures", "nan"], [*photoz, "--farm.max_failures", "inf%"],
                      [*photoz, "--partition.by", "attribute", "--partition.column", "mag_i", "--partition.bins", "edges:1,nan"],
                      ["products", "gc", "--older-than", "nand", "--project", self.base], ["products", "gc", "--older-than", "infd", "--project", self.base]):
            with self.subTest(words[-1]):
                result = self.run_skyfold(*words, *(["--output", self.path("x.h5")] if words[0] == "photoz" else []))
                self.assertEqual(result.code, 2, result)

    def test_an_option_without_what_it_is_about_is_an_error(self):
        names = {
            "import": ([["--ordering.column", "mag_i"], ["--clean", "sdss-dr7"], ["--crowding.dmag", 3],
                        ["--ordering", "none", "--input.coordinates", "rad"]], ["import", "--input", self.catalogue, "--input.group", "/object"]),
            "photoz": ([["--partition.column", "mag_i"], ["--partition.bins", "fixed:3"]],
                       ["photoz", "--catalogue", self.catalogue, "--model", self.base / "m.h5"]),
            "plan": ([["--partition.column", "mag_i"]], ["plan", "--catalogue", self.catalogue]),
            "locus": ([["--targets.magnitude", "mag_{band}"], ["--columns.ra", "ra"], ["--columns.id", "id"], ["--root", "x"]],
                      ["locus", "--traverse", "--catalogue", self.base / "stars.h5"]),
            "match": ([["--match.star_id", "id"], ["--match.tile", "tile"]], ["match", "--spec", self.base / "sample.h5", "--catalogue", self.catalogue]),
            "train": ([["--reference.magnitude", "mag_{band}"], ["--weights.space", "i"], ["--weights.neighbours", 7], ["--weights.target", 9], ["--train.fraction", 1, "--train.validation", "v.h5"]],
                      ["train", "--calibrate", "none", "--sample", self.spec]),
            "validate": ([["--estimates.z_phot", "z"], ["--estimates.id", "id"], ["--on-missing", "count"],
                          ["--magnitude", "none", "--bins.magnitude", 1]],
                         ["validate", "--sample", self.base / "m.validation.h5", "--models", self.base / "m.h5"]),
            "patch": ([["--map.q", "Q"], ["--map.variance", "V"], ["--map.mask", "M"], ["--compare.psf", "flux"]],
                      ["patch", "--maps", self.base / "map.fits", "--sources", self.base / "map.truth.h5"]),
        }
        for command, (options, words) in names.items():
            for option in options:
                with self.subTest(command, option=option[0]):
                    self.refused(r"--[a-z._-]+ has no part in this run \(it needs ", *words, *option)

    def test_an_option_of_another_format_is_said_to_have_no_part(self):
        for name, value in (("hdu", "OBJECTS"), ("columns", "a,b"), ("delimiter", "tab")):
            result = self.skyfold("import", "--input", self.catalogue, "--input.group", "/object", f"--input.{name}", value, "--output",
                                  self.path("x.h5"), "--fresh")
            self.assertIn(f"input.{name} has no part in reading inputs that are HDF5", result.err)

    def test_a_class_of_no_product_is_an_error(self):
        self.assertEqual(self.run_skyfold("products", "list", "--class", "photoz_model", "--project", self.base).code, 0)
        result = self.run_skyfold("products", "list", "--class", "nope", "--project", self.base)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.errors()[0], r"--class nope: no product is of that class \(there are .*photoz_model")

    def test_names_that_are_not_there_are_an_error(self):
        stars = ["locus", "--traverse", "--catalogue", self.base / "stars.h5"]
        patch = ["patch", "--maps", self.base / "map.fits", "--sources", self.base / "map.truth.h5", "--measure", "aperture", "--channel.frequency", 28.4,
                 "--channel.fwhm", 33]
        for message, words in [(r"no column 'nope_u' \(named by --bands.error\)", [*stars, "--bands.error", "nope_{band}"]),
                               (r"no column 'nope' \(named by --compare.aperture\)", [*patch, "--compare.aperture", "nope"]),
                               (r"--compare.mean", [*patch, "--compare.mean", "flux"]),
                               (r"column mag_i is that of two bands", ["train", "--calibrate", "none", "--sample", self.spec, "--bands", "g,r", "--bands.magnitude", "mag_i"]),
                               (r"column mag_g is that of two bands", ["train", "--calibrate", "none", "--sample", self.spec, "--bands", "g,g"])]:
            with self.subTest(message):
                self.refused(message, *words)


if __name__ == "__main__":
    support.main()
