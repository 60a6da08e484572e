"""templates list, check and plot: numbers against integrals by numpy and astropy's units, mistakes one by one, pictures that are whole.

    templates_test.py SKYFOLD
"""
import json
import pathlib
import sys
import xml.etree.ElementTree

import numpy as np
from astropy import units

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support


class TemplatesTest(support.SkyfoldTest):
    def setUp(self):
        super().setUp()
        wave = np.linspace(900, 20000, 400)
        for i, name in enumerate(("red", "blue")):
            np.savetxt(self.folder / f"{name}.sed", np.c_[wave, (wave / 5000) ** (1 - 2 * i) * (1 + 0.2 * np.sin(wave / 300))])
        (self.folder / "some.list").write_text("red.sed\nblue.sed\n")
        for i, band in enumerate("gri"):
            lam = np.linspace(4000 + 1500 * i, 5600 + 1500 * i, 60)
            self.curve(f"f_{band}.res", lam, np.sin(np.pi * np.linspace(0, 1, 60)) * (1 + np.linspace(0, 1, 60)))

    def curve(self, name, wave, value):
        np.savetxt(self.folder / name, np.c_[wave, value])

    def call(self, what, *words, code=0, templates="some.list", filters="f_{band}.res", bands="g,r,i"):
        result = self.run_skyfold("templates", what, "--templates", templates, "--filters", filters, "--bands", bands, *words, cwd=self.folder)
        self.assertEqual(result.code, code, str(result))
        return result.out + result.err

    def test_wavelengths_are_those_of_integrals(self):
        wave, through = np.loadtxt(self.folder / "f_r.res").T
        # The same filter in nm, as ECSV with its unit.
        nm = (wave * units.AA).to_value(units.nm)
        (self.folder / "nm.ecsv").write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wavelength, unit: nm, datatype: float64}\n"
                                             "# - {name: response, datatype: float64}\nwavelength response\n"
                                             + "".join(f"{float(a)!r} {float(b)!r}\n" for a, b in zip(nm, through)))
        for filters, energy in (("f_r.res,f_i.res", False), ("nm.ecsv,f_i.res", False), ("f_r.res:energy,f_i.res", True)):
            told = json.loads(self.call("list", "--json", filters=filters, bands="r,i"))["filters"][0]
            fine = np.linspace(wave[0], wave[-1], 200_001)
            t = np.interp(fine, wave, through) / (fine if energy else 1)
            self.assertAlmostEqual(told["pivot"], np.sqrt((t * fine).sum() / (t / fine).sum()), delta=0.02)
            self.assertAlmostEqual(told["effective"], (t * fine**2).sum() / (t * fine).sum(), delta=0.02)
        self.assertEqual([item["name"] for item in json.loads(self.call("list", "--json"))["templates"]], ["red", "blue"])

    def test_good_files_have_no_findings_and_a_table(self):
        self.assertIn("2 templates, 3 filters: 0 wrong, 0 warnings", self.call("check", "--zmax", "2"))
        self.assertIn("pivot [A]", self.call("list"))
        self.assertIn("cwwsb", self.run_skyfold("templates", "list", "--help").out)

    def test_each_mistake_has_its_line(self):
        wave, through = np.loadtxt(self.folder / "f_r.res").T
        broken = np.where((wave > 6000) & (wave < 6600))[0]
        for message, w, t, code in [
                ("negative throughputs, first -0.1", wave, np.where(np.arange(60) == 9, -0.1, through), 3),
                ("look like nm", wave / 10, through, 3), ("look like um", wave / 10000, through, 3), ("are these angstrom", wave * 1e4, through, 3),
                ("0 everywhere", wave, 0 * through, 3), ("out of order", np.r_[wave[:5], wave[4], wave[3], wave[7:]], through, 3),
                ("points at the wavelength of the one before", np.r_[wave[:5], wave[4], wave[6:]], through, 0),
                ("wavelengths decrease", wave[::-1], through[::-1], 0), ("no points from", np.delete(wave, broken), np.delete(through, broken), 0),
                ("does not fall to 0", wave[:30], through[:30], 0), ("the same curve twice", *np.loadtxt(self.folder / "f_g.res").T, 0),
                ("is beyond its end at all redshifts", wave * 20, through, 3), ("ends at 20000 angstrom, within or before x", wave * 3, through, 0)]:
            with self.subTest(message=message):
                self.curve("f_x.res", w, t)
                told = self.call("check", code=code, bands="g,x")
                lines = [line for line in told.splitlines() if message in line]
                self.assertGreaterEqual(len(lines), 1, told)
                self.assertTrue(all(line.startswith("wrong: " if code else "warning: ") for line in lines), told)
        (self.folder / "f_x.res").write_text("4000 a\n")
        self.assertIn("f_x.res, line 1", self.call("check", bands="g,x", code=3))
        self.assertIn("wrong: ", self.call("check", bands="g,none", code=3))
        self.curve("late.sed", np.linspace(3000, 20000, 300), np.ones(300))
        (self.folder / "late.list").write_text("late.sed\nred.sed\n")
        # 4000 angstrom are 3000 at a redshift of a third.
        self.assertIn("late.sed: begins at 3000 angstrom, within or behind g (z > 0.33)", self.call("check", templates="late.list"))

    def test_bad_options_are_refused_with_one_line(self):
        for message, code, what, words in [
                ("band i has no filter", 2, "list", dict(filters="f_g.res,f_r.res")), ("4 files for the 3 bands", 2, "list", dict(filters="a,b,c,d")),
                ("no range of redshifts", 2, "check", dict(words=["--zmin", "3", "--zmax", "1"])), ("none.list", 4, "list", dict(templates="none.list")),
                ("number 0 (filters of a file are counted from 1)", 2, "plot", dict(filters="f_g.res:0,f_r.res,f_i.res", words=["--output", "p.svg"])),
                ("filters lsst have no band 'q'", 2, "list", dict(filters="lsst", bands="q")),
                ("filters lsst have no band 'q'", 2, "check", dict(filters="lsst", bands="q")), ("f_x.res", 4, "list", dict(filters="f_g.res,f_r.res,none/f_x.res"))]:
            with self.subTest(message=message):
                extra = words.pop("words", [])
                result = self.run_skyfold("templates", what, "--templates", words.get("templates", "some.list"), "--filters",
                                          words.get("filters", "f_{band}.res"), "--bands", words.get("bands", "g,r,i"), *extra, cwd=self.folder)
                self.assertEqual(result.code, code, str(result))
                self.assertEqual(len(result.errors()), 1, str(result))
                self.assertIn(message, result.errors()[0])

    def test_no_picture_is_drawn_when_one_of_them_may_not_be_replaced(self):
        for kind in ("seds", "filters", "colours"):
            picture = self.folder / f"p.{kind}.svg"
            for make, take_away, code, message in (
                    (lambda: (picture.write_text("mine"), picture.chmod(0o444)), picture.unlink, 2, "is read-only"),
                    (picture.mkdir, picture.rmdir, 4, "is a folder")):
                with self.subTest(kind=kind, message=message):
                    make()
                    told = self.call("plot", "--output", "p.svg", code=code)
                    self.assertIn(f"p.{kind}.svg", told)
                    self.assertIn(message, told)
                    self.assertEqual([path.name for path in self.folder.glob("p.*")], [picture.name])
                    take_away()
        (self.folder / "f_r.res").rename(self.folder / "p.filters.svg")
        told = self.call("plot", "--output", "p.svg", "--zmax", "1", filters="f_g.res,p.filters.svg,f_i.res", code=2)
        self.assertIn("p.filters.svg is both input and output", told)

    def test_pictures_are_drawn_with_the_objects(self):
        rng = np.random.default_rng(1)
        rows = "".join(f"{i},{rng.uniform(0.1, 1):.3f},{rng.normal(22, 1):.3f},{rng.normal(21, 1):.3f},{99.0 if i == 4 else rng.normal(20, 1):.3f},0.1,0.1,0.1\n"
                       for i in range(30))
        (self.folder / "s.csv").write_text("id,z_spec,mag_g,mag_r,mag_i,mag_err_g,mag_err_r,mag_err_i\n" + rows)
        told = self.call("plot", "--sample", "s.csv", "--output", "p.svg", "--interpolate", "1", "--zmax", "1")
        self.assertIn("30 objects", told)
        for kind, text in (("seds", "rest-frame wavelength [angstrom]"), ("filters", "throughput of photons"), ("colours", "g - r [mag]")):
            picture = (self.folder / f"p.{kind}.svg").read_text()
            xml.etree.ElementTree.fromstring(picture)
            self.assertIn(text, picture)


if __name__ == "__main__":
    support.main()
