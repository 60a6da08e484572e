"""Tables as other programs write them: units, padding, missing values, types and links. What skyfold makes of them is compared with
what astropy, h5py and numpy say that they hold."""
import gzip
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import urllib.parse

import astropy.units as u
import h5py
import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_fits, read_group

sys.path.insert(0, str(support.SOURCE / "python"))
import skyfold

ROWS = 40


class ForeignTable(support.SkyfoldTest):
    """Imports in the order of the inputs, so that rows compare one to one."""

    def imported(self, *inputs, name="c.h5", words=()):
        self.last = self.skyfold("import", "--ordering", "none", "--input", *inputs, "--output", self.path(name), *words)
        return read_group(self.path(name))

    def refused(self, code, pattern, *words):
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], pattern)
        return result


class Units(ForeignTable):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(1)
        cls.ra, cls.dec = rng.uniform(0, 360, ROWS) * u.deg, rng.uniform(-90, 90, ROWS) * u.deg

    def table(self, name, unit="rad", dec_unit=None, ra="ra", dec="dec", **columns):
        """Coordinates in other units, written by astropy."""
        table = Table({ra: self.ra.to(unit), dec: self.dec.to(dec_unit or unit), **columns})
        table.write(self.path(name), overwrite=True, **({"path": "t", "serialize_meta": True} if name.endswith("h5") else {}))
        return self.path(name)

    def assert_positions(self, path, rtol=1e-14, unit="deg"):
        with h5py.File(path) as file:
            for name, truth in (("ra", self.ra), ("dec", self.dec)):
                column = file["object"][file.attrs[f"column_{name}"]]
                np.testing.assert_allclose(column[...], truth.to_value(u.deg), rtol=rtol, atol=1e-12)
                self.assertEqual(column.attrs["unit"], unit)

    def imported(self, *inputs, words=()):
        words = ("--columns.ra", "ra", "--columns.dec", "dec", *words)
        return super().imported(*inputs, words=words)

    def test_fits_and_ecsv_in_other_units_are_converted_and_said(self):
        for name, unit, dec_unit in (("a.fits", "rad", None), ("a.ecsv", "hourangle", "deg"), ("a.fits", "arcmin", "arcsec"),
                                     ("a.ecsv", "mas", "rad"), ("a.ecsv", "deg", "deg")):
            with self.subTest(unit=unit, name=name):
                self.imported(self.table(name, unit, dec_unit))
                self.assert_positions(self.path("c.h5"))
                self.assertEqual("to degrees" in self.last.err, unit != "deg", self.last)

    def test_spellings_of_units(self):
        for spelling, unit in (("h", u.hourangle), (" RAD ", u.rad), ("[Degrees]", u.deg), ("", u.deg), ("arcseconds", u.arcsec), ("deg (J2000.0)", u.deg)):
            with self.subTest(spelling):
                columns = {"ra": self.ra.to_value(unit), "dec": self.dec.to_value(u.deg)}
                self.imported(make_fits(self.path("a.fits"), columns, units={"ra": spelling, "dec": "deg"}))
                self.assert_positions(self.path("c.h5"))

    def test_hdf5_attributes(self):
        for key in ("unit", "units"):
            with h5py.File(self.path("a.h5"), "w") as file:
                for name, values in (("ra", self.ra), ("dec", self.dec)):
                    file[name] = values.to_value(u.rad).astype("f4")
                    file[name].attrs[key] = "rad"
            self.imported(self.path("a.h5"))
            self.assert_positions(self.path("c.h5"), rtol=1e-6)

    def test_each_input_has_its_own_unit(self):
        self.imported(self.table("a.fits", "rad"), self.table("b.fits", "deg"), self.table("c.ecsv", "hourangle"))
        ours = read_group(self.path("c.h5"))
        np.testing.assert_allclose(ours["ra"].reshape(3, ROWS), np.tile(self.ra.value, (3, 1)), rtol=1e-14)

    def test_order_of_the_sky_is_that_of_degrees(self):
        self.skyfold("import", "--input", self.table("a.fits", "rad"), "--output", self.path("r.h5"))
        self.skyfold("import", "--input", self.table("b.fits", "deg"), "--output", self.path("d.h5"))
        np.testing.assert_array_equal(read_group(self.path("r.h5"))["_healpix_29"] >> 20, read_group(self.path("d.h5"))["_healpix_29"] >> 20)

    def test_an_unknown_unit_is_refused_unless_the_user_gives_one(self):
        columns = {"ra": self.ra.to_value(u.rad), "dec": self.dec.to_value(u.rad)}
        path = make_fits(self.path("a.fits"), columns, units={"ra": "rd", "dec": "rd"})
        command = ("import", "--input", path, "--output", self.path("x.h5"))
        self.refused(3, r"a.fits: column ra has unit 'rd'.*--input.coordinates", *command)
        self.imported(path, words=("--input.coordinates", "rad"))
        self.assert_positions(self.path("c.h5"))
        self.refused(2, "input.coordinates = parsec", *command, "--input.coordinates", "parsec")

    def test_the_user_contradicts_the_file(self):
        columns = {"ra": self.ra.to_value(u.hourangle), "dec": self.dec.to_value(u.deg)}
        self.imported(make_fits(self.path("a.fits"), columns, units={"ra": "deg", "dec": "deg"}), words=("--input.coordinates", "hour,deg"))
        self.assert_positions(self.path("c.h5"))
        self.assertIn("though the file says 'deg'", self.last.err)

    def test_every_command_that_reads_positions(self):
        z = {"z": np.linspace(0.1, 1, ROWS), "q": np.full(ROWS, 4)}
        for unit in ("rad", "deg"):
            table = self.table(f"s-{unit}.fits", unit, **z)
            pathlib.Path(self.path("s.ini")).write_text(
                f"name = s\nyear = 2020\nfile = {table}\n[columns]\nra = ra\ndec = dec\nz = z\nquality = q\n[quality]\nvalues = 4:4\n")
            self.skyfold("spec", "--surveys", self.path("s.ini"), "--output", self.path(f"spec-{unit}.h5"))
            stars = self.table(f"l-{unit}.fits", unit, mag_r=np.full(ROWS, 18.0), mag_i=np.full(ROWS, 18.0), mag_g=np.full(ROWS, 18.0))
            self.skyfold("import", "--input", stars, "--output", self.path("stars.h5"))
            self.skyfold("locus", "--catalogue", self.path("stars.h5"), "--targets", stars, "--bands", "g,r,i", "--bands.magnitude", "mag_{band}",
                         "--output", self.path(f"locus-{unit}.h5"))
            healpix = self.path("m.fits")
            self.skyfold("mock", "--kind", "map", "--output", healpix, "--map.nside", 64)
            self.skyfold("patch", "--maps", healpix, "--sources", self.table(f"p-{unit}.fits", unit), "--measure", "disc", "--output",
                         self.path(f"patch-{unit}.h5"))
        for product in ("spec", "locus", "patch"):
            with self.subTest(product):
                ours, truth = (read_group(self.path(f"{product}-{unit}.h5")) for unit in ("rad", "deg"))
                for name in ("ra", "dec"):
                    np.testing.assert_allclose(ours[name], truth[name], rtol=1e-12)


class FitsTables(ForeignTable):
    def test_a_null_that_its_column_has_no_use_for(self):
        """IDL writes TNULL for real numbers and texts, too, which the standard has for integers alone."""
        path = make_fits(self.path("a.fits"), {"d": np.arange(3.0), "s": np.array([b"x", b"y", b"z"]), "k": np.arange(3)})
        with fits.open(path, mode="update") as file:
            file[1].header.update({"TNULL1": "NaN", "TNULL2": "N/A", "TNULL3": 2})
        ours = self.imported(path)
        np.testing.assert_array_equal(ours["d"], np.arange(3.0))
        self.assertEqual(ours["s"].tolist(), [b"x", b"y", b"z"])

    def test_arrays_of_texts_are_no_single_text(self):
        """As astropy writes them, with TDIM; also TDIM of a single text."""
        Table({"k": np.arange(2), "pair": np.array([["a", "b"], ["cc", "dd"]]), "one": np.array([["abc"], ["d"]])}).write(self.path("a.fits"))
        ours = self.imported(self.path("a.fits"))
        self.assertEqual(set(ours), {"id", "k", "one"})
        self.assertEqual(ours["one"].tolist(), [b"abc", b"d"])
        self.assertIn("column pair is left out: arrays of texts are not supported", self.last.err)

    def test_units_that_differ_between_inputs_are_said(self):
        paths = [make_fits(self.path(f"{unit}.fits"), {"flux": np.arange(3.0), "mag": np.arange(3.0)}, units={"flux": unit, "mag": "mag"}) for unit in ("nJy", "uJy")]
        np.testing.assert_array_equal(self.imported(*paths)["flux"], [0, 1, 2, 0, 1, 2])
        self.assertRegex(self.last.err, "column flux is in nJy in .*nJy.fits, but in uJy in .*uJy.fits")
        self.assertNotIn("column mag is in", self.last.err)

    def write(self, *hdus, name="a.fits"):
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(self.path(name), overwrite=True)
        return self.path(name)

    @staticmethod
    def hdu(name="", rows=3, **columns):
        return fits.BinTableHDU(Table({key: np.resize(values, rows) for key, values in columns.items()}), name=name)

    def test_trailing_blanks_are_no_part_of_a_text(self):
        """As CFITSIO and IDL write texts: padded with blanks. Every reader has what astropy has."""
        cells = [b"STAR    ", b"GALAXY  ", b" QSO    ", b"A B     ", b"        ", b"STAR\0   "]
        path = make_fits(self.path("a.fits"), {"id": np.arange(6), "class": np.array([b"#" * 8] * 6)})
        raw = pathlib.Path(path).read_bytes()
        start = raw.index(b"########") - 8
        for i, cell in enumerate(cells):
            raw = raw[: start + 16 * i + 8] + cell + raw[start + 16 * i + 16 :]
        pathlib.Path(path).write_bytes(raw)
        truth = [str(text) for text in fits.getdata(path)["class"][:5]] + ["STAR"]  # a NUL ends a text (FITS Standard, section 7.3.3)
        self.assertEqual(truth, ["STAR", "GALAXY", " QSO", "A B", "", "STAR"])
        ours = self.imported(path)
        self.assertEqual([text.decode() for text in ours["class"]], truth)
        self.assertEqual(list(skyfold.read_catalogue(self.path("c.h5"))["class"] == "STAR"), [text == "STAR" for text in truth])
        self.assertEqual(ours["class"].tolist(), read_group(self.path("c.h5"))["class"].tolist())

    def test_columns_of_one_name_are_told_apart(self):
        columns = [fits.Column(name=name, format="D", array=np.arange(3.0) + i) for i, name in enumerate(("a", "b", "c", "d", "e"))]
        hdu = fits.BinTableHDU.from_columns(columns)
        hdu.writeto(self.path("a.fits"))
        raw = pathlib.Path(self.path("a.fits")).read_bytes()
        for number, name in ((2, b"'a  '"), (3, b"'a_2'"), (4, b"'a  '"), (5, b"''   ")):
            at = raw.index(b"TTYPE%d " % number) + 10
            raw = raw[:at] + name + raw[at + 5 :]
        pathlib.Path(self.path("a.fits")).write_bytes(raw)
        ours = self.imported(self.path("a.fits"))
        for i, name in enumerate(("a", "a_3", "a_2", "a_4", "col5")):
            np.testing.assert_array_equal(ours[name], np.arange(3.0) + i, name)
        self.assertIn("column 2 is called a_3 (another one is called a)", self.last.err)

    def test_formats_in_small_letters(self):
        columns = {"d": np.arange(3.0), "s": np.array([b"x", b"yy", b"zzz"]), "k": np.arange(3)}
        path = make_fits(self.path("a.fits"), columns)
        raw = pathlib.Path(path).read_bytes()
        for form in (b"1D", b"3A", b"1K"):
            raw = raw.replace(b"= '" + form, b"= '" + form.lower(), 1)
        pathlib.Path(path).write_bytes(raw)
        ours = self.imported(path)
        for name, values in columns.items():
            np.testing.assert_array_equal(ours[name], values)

    def test_the_table_with_the_objects_is_found(self):
        head = self.hdu("LDAC_IMHEAD", rows=1, **{"Field Header Card": [b"x" * 80]})
        few, many = self.hdu("FEW", rows=3, ra=[1.0], dec=[2.0]), self.hdu("MANY", rows=9, RA=[1.0], DEC=[2.0])
        ldac = self.hdu("LDAC_OBJECTS", rows=5, X_IMAGE=[1.0])
        log = self.hdu("LOG", rows=99, entry=[1])
        for hdus, rows, taken in (((head, ldac), 5, "HDU 2 \\(LDAC_OBJECTS\\)"), ((few, log, many), 9, "HDU 3 \\(MANY\\)"),
                                  ((log, few), 3, "HDU 2"), ((log, head), 99, "HDU 1"), ((few, many, ldac), 5, "HDU 3")):
            with self.subTest(taken):
                ours = self.imported(self.write(*hdus))
                self.assertEqual(len(next(iter(ours.values()))), rows)
                self.assertRegex(self.last.err, f"has {len(hdus)} tables, of which {taken}")
        self.assertEqual(len(self.imported(self.write(few, many), words=("--input.hdu", "FEW"))["ra"]), 3)
        self.imported(self.write(few))
        self.assertNotIn("tables, of which", self.last.err)


class Missing(ForeignTable):
    def test_each_input_has_its_own_null(self):
        """Values and nulls of one input mean something else in another; also where only one has a null, and for each type."""
        low, high = np.iinfo("i4").min, np.iinfo("i4").max
        for type_, first, null1, second, null2 in (
                ("i2", [1, -1, 5], -1, [-1, 2, -99], -99), ("i4", [1, -1, 5], None, [-1, 2, 7], -1), ("i4", [low, high, 3], 3, [low, 3, -1], -1),
                ("u1", [0, 255, 7], 255, [255, 7, 0], 7), ("i8", [2**60, -1, 1], -1, [-1, 1, 0], 0), ("i4", [1, -1, 5], -1, [4, -1, 6], -1)):
            with self.subTest(type=type_, nulls=(null1, null2)):
                paths = [make_fits(self.path(f"{i}.fits"), {"flag": np.array(values, type_)}, nulls={"flag": null} if null is not None else None)
                         for i, (values, null) in enumerate(((first, null1), (second, null2)))]
                truth = np.ma.concatenate([np.ma.masked_equal(values, null) if null is not None else np.ma.array(values)
                                           for values, null in ((first, null1), (second, null2))])
                self.assert_values(self.imported(*paths), truth)

    def assert_values(self, ours, truth, name="flag"):
        with h5py.File(self.path("c.h5")) as file:
            null = int(file[f"object/{name}"].attrs["null"])
        np.testing.assert_array_equal(ours[name] == null, np.ma.getmaskarray(truth))
        np.testing.assert_array_equal(ours[name][~np.ma.getmaskarray(truth)], truth.compressed())

    def test_inputs_of_several_formats(self):
        a = make_fits(self.path("a.fits"), {"flag": np.array([1, -1, 2], "i4")}, nulls={"flag": -1})
        b = make_csv(self.path("b.csv"), {"flag": np.array(["-1", "", "7"])})
        pathlib.Path(b).write_text("flag\n-1\n--\n7\n")
        with h5py.File(self.path("c.hdf5"), "w") as file:
            file["t/flag"] = np.array([3, -1, 255], ">i2")
        truth = np.ma.array([1, 0, 2, -1, 0, 7, 3, -1, 255], mask=[0, 1, 0, 0, 1, 0, 0, 0, 0])
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            inputs = [(a, b, self.path("c.hdf5"))[i] for i in order]
            self.assert_values(self.imported(*inputs), np.ma.concatenate([truth[3 * i : 3 * i + 3] for i in order]))

    def test_unsigned_integers_with_nulls(self):
        """TZERO shifts the null, too."""
        for code, zero, values, null in (("I", 2**15, [0, 65535, 7], 65535), ("J", 2**31, [0, 2**32 - 1, 7], 0), ("K", 2**63, [0, 2**62, 7], 7),
                                         ("B", -128, [-128, 127, 5], 5)):
            hdu = fits.BinTableHDU.from_columns([fits.Column(name="flag", format=code, array=np.array(values).astype("f8") * 0)])
            raw_type = {"I": ">i2", "J": ">i4", "K": ">i8", "B": "u1"}[code]
            stored = np.array([v - zero for v in values]).astype(object)
            hdu.data = np.array([(int(v),) for v in stored], dtype=[("flag", raw_type)]).view(fits.FITS_rec)
            hdu.header["TZERO1"], hdu.header["TNULL1"] = zero, null - zero
            hdu.writeto(self.path("a.fits"), overwrite=True)
            plain = make_fits(self.path("b.fits"), {"flag": np.array([null, 3, 4], "i2")} if null < 2**15 else {"flag": np.array([null, 3, 4], "i4")})
            truth = np.ma.concatenate([np.ma.masked_equal(values, null), np.ma.array([null, 3, 4])])
            with self.subTest(code):
                self.assert_values(self.imported(self.path("a.fits"), plain), truth)

    def test_an_integer_that_cannot_be_told_from_missing_is_refused(self):
        lowest = np.iinfo("i8").min
        a = make_fits(self.path("a.fits"), {"flag": np.array([lowest, 2])})
        b = make_fits(self.path("b.fits"), {"flag": np.array([-1, 2])}, nulls={"flag": -1})
        self.refused(3, r"a.fits, row 1, column flag: -9223372036854775808 is a value here", "import", "--ordering", "none", "--input", a, b,
                     "--output", self.path("x.h5"))


class FitsProducts(ForeignTable):
    """Whatever the texts of a catalogue are: FITS files pass fitsverify, and the texts can be had back."""

    NAMES = ["plain", "\u00e9toile", "e\u0301toile", "100 %", "tab\there", "\u661f" * 9, "o'clock", "", "%C3", " lead"]

    def assert_verifies(self, path):
        if shutil.which("fitsverify"):
            done = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True)
            self.assertRegex(done.stdout, "OK|and 0 errors", subprocess.run(["fitsverify", path], capture_output=True, text=True).stdout)
        raw = pathlib.Path(path).read_bytes()
        self.assertEqual([raw[i : i + 80] for i in range(2880, raw.index(b"END" + b" " * 77), 80) if not raw[i : i + 80].decode("latin-1").isprintable()], [])

    def assert_texts(self, path, column, truth):
        cells = Table.read(path)[column]
        self.assertEqual([urllib.parse.unquote(str(cell)) for cell in np.ma.filled(cells, "")], list(truth))

    def sources(self, path, names):
        rng = np.random.default_rng(5)
        with h5py.File(path, "w") as file:
            for name, values in {"ra": rng.uniform(0, 360, len(names)), "dec": rng.uniform(-80, 80, len(names))}.items():
                file[f"t/{name}"] = values
            file["t/name"] = np.array([name.encode() for name in names])
            for name, unit in (("Gr\u00f6\u00dfe", "\u00b5Jy"), ("x" * 80, "'" * 60), ("x" * 80 + "y", "\u00c5\n"), ("it's", "a'b")):
                file[f"t/{name}"] = np.arange(float(len(names)))
                file[f"t/{name}"].attrs.update({"unit": unit, "description": "wie gro\u00df? " * 9, "ucd": "\u00fc" * 50})
            file["t/none"] = np.array([b""] * len(names), "S5")
        return path

    def test_patch(self):
        self.skyfold("mock", "--kind", "map", "--output", self.path("m.fits"), "--map.nside", 64)
        self.assert_verifies(self.path("m.fits"))
        names = self.NAMES
        result = self.skyfold("patch", "--maps", self.path("m.fits"), "--sources", self.sources(self.path("quelle-\u00e9.h5"), names), "--measure", "disc",
                              "--output", self.path("p.h5"), "--fits", self.path("p.fits"), ranks=2)
        self.assert_verifies(self.path("p.fits"))
        rows = read_group(self.path("p.h5"))
        self.assertEqual(sorted(text.decode() for text in rows["name"]), sorted(names))
        self.assert_texts(self.path("p.fits"), "name", [text.decode() for text in rows["name"]])
        for said in ("column name has texts beyond printable ASCII", "column Gr\u00f6\u00dfe is called Gr_C3_B6_C3_9Fe in FITS"):
            self.assertIn(said, result.err)
        table = Table.read(self.path("p.fits"), unit_parse_strict="silent")
        np.testing.assert_array_equal(table["Gr_C3_B6_C3_9Fe"], rows["Gr\u00f6\u00dfe"])
        self.assertEqual(str(table["Gr_C3_B6_C3_9Fe"].unit), "uJy")
        np.testing.assert_array_equal(table["x" * 68], rows["x" * 80])
        np.testing.assert_array_equal(table["x" * 66 + "_2"], rows["x" * 80 + "y"])
        self.assertEqual(self.imported(self.path("p.fits"))["name"].tolist(), rows["name"].tolist())

    def test_photoz_and_locus(self):
        names = np.array([(self.NAMES[i % 10] + f" {i}").encode() for i in range(400)])
        self.skyfold("mock", "--objects", len(names), "--spectroscopic", 0.5, "--output", self.path("m.h5"))
        columns = {key: values for key, values in read_group(self.path("m.h5")).items() if key not in ("_healpix_29", "tile")}
        support.make_hdf5(self.path("in.h5"), {**columns, "id": names})
        self.skyfold("import", "--input", self.path("in.h5"), "--output", self.path("c.h5"))
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("m.spec.h5"), "--algorithms", "knn", "--output", self.path("model.h5"))
        self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path("model.h5"), "--output", self.path("z.h5"), "--fits",
                     self.path("z.fits"), ranks=2)
        self.skyfold("locus", "--catalogue", self.path("c.h5"), "--traverse", "--bands", "g,r,i", "--bands.magnitude", "mag_{band}",
                     "--output", self.path("l.h5"), "--fits", self.path("l.fits"))
        for product in ("z", "l"):
            self.assert_verifies(self.path(f"{product}.fits"))
            self.assert_texts(self.path(f"{product}.fits"), "id", [text.decode() for text in read_group(self.path(f"{product}.h5"))["id"]])

    def test_texts_of_printable_ascii_are_as_they_were(self):
        """And names of files are names, whatever they mean to CFITSIO."""
        map_, sources, product = "m[1].fits", "!s(x).fits", "p[1][col a](y).fits"
        self.skyfold("mock", "--kind", "map", "--output", map_, "--map.nside", 64, cwd=self.folder)
        make_fits(self.path(sources), {"ra": np.arange(3.0), "dec": np.arange(3.0), "name": np.array([b"100 %", b"o'c", b"%C3"])})
        self.skyfold("patch", "--maps", map_, "--sources", sources, "--measure", "disc", "--output", "p.h5", "--fits", product, cwd=self.folder)
        self.assertTrue({map_, sources, product} <= set(os.listdir(self.folder)))
        shutil.copy(self.path(product), self.path("p.fits"))
        self.assert_verifies(self.path("p.fits"))
        self.assertEqual(sorted(Table.read(self.path("p.fits"))["name"].tolist()), ["%C3", "100 %", "o'c"])


class Packed(ForeignTable):
    """Files that become plain copies before they are read: by gzip, by fpack's tiles, and by what stands in brackets behind their names."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(2)
        rows = 3000
        cls.columns = {"id": np.arange(rows), "ra": rng.uniform(0, 360, rows), "dec": rng.uniform(-90, 90, rows), "mag": rng.normal(20, 1, rows).astype("f4"),
                       "flag": rng.integers(0, 9, rows).astype("i2"), "name": np.array([f"n{i % 7}" for i in range(rows)], "S4"),
                       "flux": rng.normal(0, 1, (rows, 3)).astype("f4")}
        cls.plain = make_fits(cls.base / "a.fits", cls.columns, units={"mag": "mag"}, nulls={"flag": 3}, EXTNAME="STARS")
        with fits.open(cls.plain, mode="append") as file:
            file.append(fits.BinTableHDU.from_columns([fits.Column("id", "K", array=np.arange(5)), fits.Column("ra", "D", array=np.zeros(5))], name="FEW"))

    def packed(self, name="a.fits"):
        path = self.path(name + ".gz")
        pathlib.Path(path).write_bytes(gzip.compress(support.read_bytes(self.base / name)))
        return path

    def fpacked(self, name="a.fits"):
        if not shutil.which("fpack"):
            self.skipTest("fpack is absent (package libcfitsio-bin)")
        shutil.copy(self.base / name, self.path(name))
        subprocess.run(["fpack", "-table", name], check=True, cwd=self.folder, capture_output=True)
        return self.path(name + ".fz")

    def same(self, ours, truth):
        self.assertEqual(set(ours), set(truth))
        for name, values in truth.items():
            np.testing.assert_array_equal(ours[name], values, name)

    def test_gzip_and_fpack_hold_the_same_table(self):
        truth = self.imported(self.plain)
        np.testing.assert_array_equal(truth["mag"], Table.read(self.plain, hdu=1)["mag"])
        fz = self.fpacked()
        twice = self.path("b.fits.fz.gz")
        pathlib.Path(twice).write_bytes(gzip.compress(support.read_bytes(fz)))
        for path in (self.packed(), fz, twice):
            with self.subTest(path):
                self.same(self.imported(path), truth)
                with h5py.File(self.path("c.h5")) as file:
                    self.assertEqual((file["object/mag"].attrs["unit"], file["object/flag"].attrs["null"]), ("mag", "3"))

    def test_members_of_gzip_follow_each_other(self):
        whole = support.read_bytes(self.plain)
        pathlib.Path(self.path("m.fits.gz")).write_bytes(b"".join(gzip.compress(part) for part in (whole[:5000], whole[5000:5001], whole[5001:])) + bytes(700))
        self.same(self.imported(self.path("m.fits.gz")), self.imported(self.plain))

    FILTERS = {"[mag<20]": "mag<20", "[1][mag<20 && flag!=3]": "mag<20 && flag!=3", "[STARS][#row<100]": "#row<100", "[name=='n3'][flux[2]>0.5]": "name=='n3' && flux[2]>0.5",
               "[stars,1][abs(dec)>60 || flag==#null]": "abs(dec)>60 || flag==#null", "[mag.gt.21.and.ra/2<30]": "mag.gt.21.and.ra/2<30"}

    def test_selections_are_those_of_fitscopy(self):
        if not shutil.which("fitscopy"):
            self.skipTest("fitscopy is absent (package libcfitsio-bin)")
        inputs = (self.plain, self.packed(), self.fpacked())
        for number, (brackets, expression) in enumerate(self.FILTERS.items()):
            subprocess.run(["fitscopy", f"{self.plain}[1][{expression}]", self.path(f"t{number}.fits")], check=True, capture_output=True)
            truth = self.imported(self.path(f"t{number}.fits"))
            self.assertTrue(0 < len(truth["id"]) < 3000)
            for path in inputs if number < 2 else inputs[:1]:
                with self.subTest(brackets, path=path):
                    self.same(self.imported(path + brackets, words=("--columns.id", "id")), truth)
        subprocess.run(["fitscopy", f"{self.plain}[1][col id;ra;dec;x(D)=mag-flux[1]]", self.path("x.fits")], check=True, capture_output=True)
        self.same(self.imported(self.plain + "[col id;ra;dec;x(D)=mag-flux[1]]"), self.imported(self.path("x.fits")))

    def test_selections_hold_for_every_command_and_number_of_ranks(self):
        few = self.plain + "[#row<=40 && flag!=3]"
        bright = (np.arange(3000) < 40) & (self.columns["flag"] != 3)
        self.skyfold("import", "--input", few, "--output", self.path("r1.h5"))
        self.skyfold("import", "--input", few, "--output", self.path("r3.h5"), ranks=3)
        self.assertEqual(support.read_bytes(self.path("r1.h5")), support.read_bytes(self.path("r3.h5")))
        self.assertEqual(sorted(read_group(self.path("r1.h5"))["id"]), np.flatnonzero(bright).tolist())
        self.skyfold("mock", "--kind", "map", "--output", self.path("m.fits"), "--map.nside", 64)
        self.skyfold("patch", "--maps", self.path("m.fits"), "--sources", few, "--measure", "disc", "--output", self.path("p.h5"))
        self.assertEqual(len(read_group(self.path("p.h5"))["id"]), bright.sum())
        self.skyfold("products", "replay", self.path("r1.h5"))
        shutil.copy(self.plain, self.path("t.h5"))
        self.refused(2, "t.h5.* is both input and output", "import", "--input", self.path("t.h5") + "[mag<20]", "--output", self.path("t.h5"))

    def test_maps(self):
        self.skyfold("mock", "--kind", "map", "--output", self.base / "m.fits", "--map.nside", 64)
        sources = self.plain + "[#row<=50]"
        truth = None
        for path in (self.base / "m.fits", self.packed("m.fits"), self.fpacked("m.fits")):
            self.skyfold("patch", "--maps", path, "--sources", sources, "--measure", "disc", "aperture", "--channel.fwhm", 60, "--channel.frequency", 30,
                         "--output", self.path("p.h5"))
            rows = read_group(self.path("p.h5"))
            truth = truth or rows
            self.same(rows, truth)

    def test_arrays_of_varying_length_are_left_out_whatever_packs_them(self):
        ragged = np.array([np.arange(i % 4, dtype="f4") for i in range(20)], dtype=object)
        columns = [fits.Column("ra", "D", array=np.arange(20.0)), fits.Column("dec", "D", array=np.arange(20.0)), fits.Column("v", "PE()", array=ragged),
                   fits.Column("n", "J", array=np.arange(20))]
        fits.BinTableHDU.from_columns(columns).writeto(self.base / "v.fits", overwrite=True)
        for path in (str(self.base / "v.fits"), self.packed("v.fits"), self.fpacked("v.fits"), str(self.base / "v.fits") + "[n>=0]"):
            with self.subTest(path):
                ours = self.imported(path)
                self.assertEqual(set(ours) - {"id", "_healpix_29"}, {"ra", "dec", "n"})
                np.testing.assert_array_equal(ours["n"], np.arange(20))
                self.assertIn("column v is left out: arrays of varying length are not supported", self.last.err)

    def test_names_that_are_drivers_of_cfitsio_are_no_files(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"127.0.0.1:{server.getsockname()[1]}"
            for name in (f"http://{address}/a.fits", f"ftp://{address}/a.fits[1]", f"root://{address}/a.fits[1][mag<20]", "stdin[1]", "-"):
                result = self.refused(4, "no such file", "import", "--input", name, "--output", self.path("x.h5"))
                self.assertEqual("addresses are not read" in result.err, "://" in name)
            for brackets in (f'[regfilter("http://{address}/r.reg")]', f"[col x=regfilter('ftp://{address}/r')]"):
                self.refused(2, "in brackets is refused .it could read other files", "import", "--input", self.plain + brackets, "--output", self.path("x.h5"))
            server.settimeout(0)
            with self.assertRaises(BlockingIOError):
                server.accept()
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_damaged_tiles_are_one_line(self):
        fz = pathlib.Path(self.fpacked())
        whole = fz.read_bytes()
        for at in (len(whole) // 3, len(whole) // 2):
            fz.write_bytes(whole[:at] + b"\xff" * 2000 + whole[at + 2000:])
            self.refused(3, r"a\.fits\.fz: (CFITSIO cannot read it|is damaged)", "import", "--input", fz, "--input.hdu", 1, "--output", self.path("x.h5"))
        fz.write_bytes(whole[:len(whole) // 2])
        self.refused(3, r"a\.fits\.fz: (CFITSIO cannot read it|is damaged)", "import", "--input", fz, "--input.hdu", 1, "--output", self.path("x.h5"))

    def test_a_full_disk_for_copies_is_one_line(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
            self.skipTest("needs to mount a small file system")
        os.mkdir(self.path("small"))
        command = f"mount -t tmpfs -o size=64k none {self.path('small')} && OMPI_MCA_orte_tmpdir_base=/tmp PMIX_SERVER_TMPDIR=/tmp PMIX_SYSTEM_TMPDIR=/tmp TMPDIR={self.path('small')} {support._binary[0]} import --input {{}} --output {self.path('x.h5')}"
        for name in (self.packed(), self.plain + "[mag<30]"):
            done = subprocess.run(["unshare", "-m", "bash", "-c", command.format(f"'{name}'")], env=support.environment(self.base), capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 4, done)
            self.assertIn("no plain copy can be made of it", done.stderr)
            self.assertEqual(len([line for line in done.stderr.splitlines() if line.startswith("skyfold")]), 1, done)


class Hdf5Tables(ForeignTable):
    def file(self, name="a.hdf5"):
        return h5py.File(self.path(name), "w")

    def assert_columns(self, ours, truth):
        self.assertEqual(set(ours) - {"id"}, set(truth))
        for name, values in truth.items():
            np.testing.assert_array_equal(ours[name], values, name)

    def test_texts_of_any_length_however_they_are_stored(self):
        texts = ["a", "", "\u00e9t\u00e9", "x" * 300, "pad  "] * 3
        truth = [text.rstrip().encode() for text in texts]
        for words in ({"chunks": (4,)}, {"maxshape": (None,), "chunks": (3,)}, {"maxshape": (None,), "compression": "gzip"}, {}):
            with self.subTest(words):
                with self.file() as file:
                    file.create_dataset("t/name", data=texts, dtype=h5py.string_dtype(), **words)
                    file["t/k"] = np.arange(15)
                self.assert_columns(self.imported(self.path("a.hdf5")), {"name": truth, "k": np.arange(15)})
        compound = np.array([(i, text) for i, text in enumerate(texts)], dtype=[("k", ">i4"), ("name", h5py.string_dtype())])
        with self.file() as file:
            file.create_dataset("t", data=compound, chunks=(4,), maxshape=(None,))
        self.assert_columns(self.imported(self.path("a.hdf5")), {"name": truth, "k": np.arange(15)})

    def test_what_was_never_written_has_the_fill_value(self):
        with self.file() as file:
            file["t/k"] = np.arange(10)
            file.create_dataset("t/whole", (10,), "f8", fillvalue=np.nan)
            file.create_dataset("t/part", (10,), "i4", fillvalue=-7, chunks=(4,))[:3] = 5
            truth = {"k": np.arange(10), "whole": np.full(10, np.nan), "part": [5, 5, 5] + [-7] * 7}
        self.assert_columns(self.imported(self.path("a.hdf5")), truth)
        with self.file() as file:  # nobody said what is there: an interrupted run
            file["t/k"] = np.arange(10)
            file.create_dataset("t/part", (10,), "i4", chunks=(4,))[:3] = 5
        self.refused(3, "t/part: the chunk of row 5 was never written", "import", "--ordering", "none", "--input", self.path("a.hdf5"), "--output",
                     self.path("x.h5"))

    def test_types_of_all_kinds(self):
        truth = {"big": np.arange(5, dtype=">f8"), "half": np.arange(5, dtype="f2"), "flag": np.array([True, False] * 2 + [True]),
                 "enum": np.array([-1, 3, 3, -1, 3], "i1"), "two": np.arange(10, dtype=">i2").reshape(5, 2), "one": np.arange(5.0).reshape(5, 1),
                 "u4": np.array([0, 2**32 - 1, 1, 2, 3], "u4"), "text": np.array([b"a", b"bb", b"", b" c", b"d"])}
        with self.file() as file:
            for name, values in truth.items():
                dtype = h5py.enum_dtype({"a": -1, "b": 3}, "i1") if name == "enum" else None
                file.create_dataset(f"t/{name}", data=values, dtype=dtype)
        truth["one"] = np.arange(5.0)
        self.assert_columns({name: values.reshape(5) if name == "one" else values for name, values in self.imported(self.path("a.hdf5")).items()}, truth)

    def test_masks_of_astropy(self):
        mask = np.array([0, 1, 0, 0], bool)
        columns = {"ra": MaskedColumn([1.0, 2, 3, 4], unit="deg"), "dec": np.arange(4.0), "mag": MaskedColumn([1.0, 2, 3, 4], mask=mask, unit="mag"),
                   "n": MaskedColumn([-5, 2**40, 3, 4], mask=mask), "small": MaskedColumn(np.array([1, 255, 3, 255], "u1"), mask=mask),
                   "flag": MaskedColumn([True, True, False, True], mask=mask), "name": MaskedColumn(["a", "b", "c", "d"], mask=mask),
                   "vector": MaskedColumn(np.arange(8.0).reshape(4, 2), mask=[[0, 0], [1, 0], [0, 1], [0, 0]])}
        table = Table(columns)
        table.write(self.path("c.hdf5"), path="group/data", serialize_meta=True)
        table.write(self.path("c.ecsv"), serialize_method="data_mask")
        with self.file("g.hdf5") as file:
            for name in table.colnames:
                file[f"t/{name}"] = np.array(table[name].data.data if np.ma.isMaskedArray(table[name]) else table[name], "S1" if name == "name" else None)
                if np.ma.isMaskedArray(table[name]) and table[name].mask.any():
                    file[f"t/{name}.mask"] = table[name].mask
        for path in ("c.hdf5", "g.hdf5", "c.ecsv"):
            with self.subTest(path):
                names = [name for name in columns if path != "c.ecsv" or name != "vector"]
                if path == "c.ecsv":
                    table[names].write(self.path("c.ecsv"), serialize_method="data_mask", overwrite=True)
                self.imported(self.path(path))
                with h5py.File(self.path("c.h5")) as file:
                    self.assertEqual(set(file["object"]) - {"id"}, set(names))
                    for name in names:
                        ours, theirs = file["object"][name], table[name]
                        null = ours.attrs.get("null")
                        missing = ours[...] == int(null) if null else ours[...] == b"" if name == "name" else np.isnan(ours[...])
                        np.testing.assert_array_equal(missing, np.ma.getmaskarray(theirs), name)
                        expected = np.char.encode(theirs.compressed()) if name == "name" else np.ma.compressed(theirs)
                        np.testing.assert_array_equal(ours[...][~missing], expected, name)
                    if path != "g.hdf5":
                        self.assertEqual(file["object/mag"].attrs["unit"], "mag")

    def test_units_of_astropy_hdf5(self):
        Table({"ra": np.array([0.5, 1.0]) * u.rad, "dec": np.array([0.1, 0.2]) * u.rad}).write(self.path("a.hdf5"), path="t", serialize_meta=True)
        self.skyfold("import", "--input", self.path("a.hdf5"), "--output", self.path("c.h5"))
        np.testing.assert_allclose(np.sort(read_group(self.path("c.h5"))["ra"]), np.degrees([0.5, 1.0]), rtol=1e-15)

    def test_a_catalogue_as_input_keeps_its_nulls(self):
        path = make_fits(self.path("a.fits"), {"flag": np.array([1, -1, 2], "i4")}, nulls={"flag": -1})
        self.imported(path, name="b.h5")
        self.imported(self.path("b.h5"))
        with h5py.File(self.path("c.h5")) as file:
            self.assertEqual(file["object/flag"].attrs["null"], "-1")

    # What pandas 1.5 and PyTables 3.7 write.
    @staticmethod
    def text(value):
        return np.bytes_(value)

    def pandas_fixed(self, file):
        group = file.create_group("df")
        group.attrs.update({"pandas_type": self.text("frame"), "nblocks": 3, "axis0_variety": self.text("regular"), "axis1_variety": self.text("regular")})
        group["axis0"], group["axis1"] = np.array([b"ra", b"n", b"dec", b"s"]), np.arange(3) + 100
        for block, (names, values) in enumerate((([b"ra", b"dec"], np.array([[1.5, 2], [3, 4], [5, np.nan]])), ([b"n"], np.array([[7], [8], [9]])))):
            group[f"block{block}_items"], group[f"block{block}_values"] = np.array(names), values
            group[f"block{block}_values"].attrs["transposed"] = 1
        group["block2_items"] = np.array([b"s"])
        objects = group.create_dataset("block2_values", (1,), h5py.vlen_dtype(np.uint8), maxshape=(None,), chunks=(8,))
        objects[0] = np.arange(9, dtype=np.uint8)

    def pandas_table(self, file):
        rows = np.zeros(3, [("index", "<i8"), ("values_block_0", "<f8", (2,)), ("values_block_1", "S4", (2,)), ("values_block_2", "i1", (1,)), ("n", "<i8")])
        rows["index"], rows["values_block_0"], rows["n"] = [100, 101, 102], [[1.5, 2], [3, 4], [5, np.nan]], [7, 8, 9]
        rows["values_block_1"] = [[b"a", b"nan"], [b"bb", b"y"], [b"", b"z"]]
        group = file.create_group("df")
        group.attrs.update({"pandas_type": self.text("frame_table"), "nan_rep": self.text("nan")})
        table = group.create_dataset("table", data=rows, chunks=(2,), maxshape=(None,))
        group.create_group("meta/values_block_2/meta").create_dataset("table", data=np.zeros(2, [("index", "<i8"), ("values", "S1")]))
        index = group.create_group("_i_table")
        index.attrs["CLASS"] = self.text("TINDEX")
        index["index"] = np.zeros(0)
        table.attrs.update({"values_block_0_kind": self.text("(lp0\nVra\np1\naVdec\np2\na."), "n_kind": self.text("(lp0\nVn\np1\na."),
                            "values_block_1_kind": self.text("(lp0\nVs\np1\naVgr\xf6\\u00dfe\np2\na.".encode("latin-1")), "index_kind": self.text("integer"),
                            "values_block_2_kind": self.text("(lp0\nVc\np1\na."), "values_block_2_meta": self.text("category")})

    def test_tables_of_pandas(self):
        truth = {"index": [100, 101, 102], "ra": [1.5, 3, 5], "dec": [2, 4, np.nan], "n": [7, 8, 9]}
        with self.file("fixed.hdf5") as file:
            self.pandas_fixed(file)
        with self.file("table.hdf5") as file:
            self.pandas_table(file)
        self.assert_columns(self.imported(self.path("fixed.hdf5")), truth)
        self.assertIn("column s is left out: objects, such as texts, are pickled by pandas", self.last.err)
        self.assert_columns(self.imported(self.path("table.hdf5")), {**truth, "s": [b"a", b"bb", b""], "gr\u00f6\u00dfe": [b"", b"y", b"z"]})
        self.assertIn("column c is left out: categories of pandas", self.last.err)


class ForeignBytes(ForeignTable):
    """HDF5 files that show what is in others: refused by every command that opens them, and by the reader in Python."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.secret = str(cls.base / "secret.txt")
        pathlib.Path(cls.secret).write_text("root:x:0:0:" * 4000)
        cls.skyfold("mock", "--objects", 500, "--spectroscopic", 0.5, "--output", cls.base / "cat.h5")
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.base / "cat.spec.h5", "--output", cls.base / "model.h5")

    def foreign(self, source, name, kind):
        """A copy of a file whose dataset `name` lies elsewhere."""
        path = self.path("evil.h5")
        shutil.copy(self.base / source, path)
        with h5py.File(path, "a") as file:
            dataset = file[name]
            attributes, shape, dtype = dict(dataset.attrs), dataset.shape, dataset.dtype
            del file[name]
            if kind == "external link":
                file[name] = h5py.ExternalLink(str(self.base / source), name)
            elif kind == "external group":
                group, _, _ = name.rpartition("/")
                del file[group]
                file[group] = h5py.ExternalLink(str(self.base / source), group)
            elif kind == "external storage":
                file.create_dataset(name, shape, dtype, external=[(self.secret, 0, h5py.h5f.UNLIMITED)])
            elif kind == "virtual":
                layout = h5py.VirtualLayout(shape, dtype)
                layout[:] = h5py.VirtualSource(str(self.base / source), name, shape, dtype)
                file.create_virtual_dataset(name, layout)
            elif kind == "through a soft link":
                file["elsewhere"] = h5py.ExternalLink(str(self.base / source), "/object")
                file[name] = h5py.SoftLink("/elsewhere/" + name.rpartition("/")[2])
            if kind in ("external storage", "virtual"):
                file[name].attrs.update(attributes)
        return path

    def test_catalogues_and_inputs(self):
        out = self.path("x.h5")
        for kind in ("external link", "external group", "external storage", "virtual", "through a soft link"):
            path = self.foreign("cat.h5", "/object/mag_i", kind)
            for words in (("import", "--input", path, "--output", out), ("info", "--catalogue", path),
                          ("photoz", "--catalogue", path, "--model", self.base / "model.h5", "--output", out)):
                with self.subTest(kind=kind, command=words[0]):
                    self.refused(3, r"(object|mag_i|elsewhere).*all data must be in the file itself", *words)
                    self.assertFalse(pathlib.Path(out).exists())
            with self.assertRaisesRegex(ValueError, "all data must be in the file itself"):
                skyfold.read_catalogue(path)

    def test_models_samples_and_foreign_tables(self):
        with h5py.File(self.base / "model.h5") as file:
            member = next(f"/{group}/{name}" for group in file for name in file[group])
        self.refused(3, "all data must be in the file itself", "photoz", "--catalogue", self.base / "cat.h5", "--model",
                     self.foreign("model.h5", member, "external link"), "--output", self.path("x.h5"))
        path = self.foreign("cat.spec.h5", "/object/mag_i", "external storage")
        self.refused(3, "all data must be in the file itself", "train", "--calibrate", "none", "--sample", path, "--output", self.path("x.h5"))
        with h5py.File(self.path("a.hdf5"), "w") as file:
            file["link"] = h5py.ExternalLink(str(self.base / "cat.h5"), "/object")
        for words in ((), ("--input.group", "link")):
            self.refused(3, "/link is a link to another file", "import", "--input", self.path("a.hdf5"), "--output", self.path("x.h5"), *words)

    def test_links_inside_a_file_are_followed(self):
        shutil.copy(self.base / "cat.h5", self.path("soft.h5"))
        with h5py.File(self.path("soft.h5"), "a") as file:
            file.create_group("store/deep")
            file.move("object/mag_i", "store/deep/values")
            file["object/mag_i"] = h5py.SoftLink("/store/also")
            file["store/also"] = h5py.SoftLink("deep/values")
        truth = read_group(self.base / "cat.h5")
        self.skyfold("import", "--input", self.path("soft.h5"), "--input.group", "object", "--output", self.path("c.h5"))
        for path in (self.path("c.h5"), self.path("soft.h5")):
            np.testing.assert_array_equal(skyfold.read_catalogue(path, ["mag_i"])["mag_i"], truth["mag_i"])
        outputs = []
        for path in (self.base / "cat.h5", self.path("soft.h5")):
            self.skyfold("photoz", "--catalogue", path, "--model", self.base / "model.h5", "--output", self.path(f"z{len(outputs)}.h5"))
            outputs.append(read_group(self.path(f"z{len(outputs)}.h5"))["z_phot"])
        np.testing.assert_array_equal(*outputs)
        with h5py.File(self.path("circle.h5"), "w") as file:
            file["t/ra"], file["t/dec"] = np.arange(3.0), np.arange(3.0)
            file["t/a"], file["t/b"] = h5py.SoftLink("b"), h5py.SoftLink("a")
        self.refused(3, "/t/. leads", "import", "--input", self.path("circle.h5"), "--output", self.path("x.h5"))


class OtherFiles(ForeignTable):
    """What a file is that is no catalogue of skyfold, and where bare words may stand."""

    def test_a_file_that_is_no_catalogue_says_what_it_is(self):
        table = {"id": np.arange(3), "ra": np.arange(3.0), "dec": np.arange(3.0)}
        fits_path, csv, hdf5 = make_fits(self.path("t.fits"), table), make_csv(self.path("t.csv"), table), support.make_hdf5(self.path("t.hdf5"), table)
        self.skyfold("mock", "--objects", 300, "--spectroscopic", 0.5, "--output", self.path("c.h5"))
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("c.spec.h5"), "--output", self.path("model.h5"))
        output = ("--output", self.path("x.h5"))
        for path in (fits_path, csv, hdf5):
            with self.subTest(path=path):
                # Commands that go through a catalogue take any table, and miss what this one lacks.
                self.assertRegex(self.skyfold("plan", "--catalogue", path).out, r"partitions +1 +3 ")
                self.refused(3, "no columns for bands g,r,i,z,Y of the model", "photoz", "--catalogue", path, "--model", self.path("model.h5"), *output)
                self.refused(2, "no known names of magnitude columns", "locus", "--catalogue", path, "--traverse", *output)
        for words in (("photoz", "--model", self.path("model.h5"), *output), ("plan",), ("locus", "--traverse", *output)):
            with self.subTest(command=words[0]):
                self.refused(3, "is a skyfold photoz model, not a catalogue|a product of class photoz_model", words[0], "--catalogue", self.path("model.h5"),
                             *words[1:])
        self.refused(3, "is a FITS file", "photoz", "--catalogue", self.path("c.h5"), "--model", fits_path, *output)

    def test_bare_words_may_stand_anywhere(self):
        self.skyfold("mock", "--kind", "map", "--output", self.path("m.fits"), "--map.nside", 64)
        path = self.path("m.fits")
        expected = self.skyfold("map", "info", path, "--json").out
        for words in (("--json", path), ("--json", "--map.hdu", "1", path), ("--input", path, "--json"), ("--json", "--", path), ("--json=true", path)):
            self.assertEqual(self.skyfold("map", "info", *words).out, expected)
        self.skyfold("map", "reorder", "--to", "NESTED", "--output", self.path("n.fits"), path)
        self.skyfold("map", "ud-grade", "--nside", 32, path, "--output", self.path("u.fits"))
        self.skyfold("mock", "--objects", 300, "--output", self.path("c.h5"))
        for command in (("info",), ("status",), ("products", "show")):
            out = self.skyfold(*command, "--json", self.path("c.h5"), cwd=self.folder).out
            self.assertEqual(out.strip()[:1], "{", command)
        self.refused(2, "the command 'map' has two words: map info, map reorder", "map", "--json", "info", path)


if __name__ == "__main__":
    support.main()
