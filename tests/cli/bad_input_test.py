"""Whatever the user gets wrong ends in one line that names it, the documented exit code, and no output."""
import gzip
import os
import pathlib
import re
import shutil
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

USAGE, DATA, IO = 2, 3, 4


class BadInput(support.SkyfoldTest):
    """Each case: name, exit code, pattern of the line, words of the command. OUT stands for a folder that stays empty."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue = str(cls.base / "survey.h5")
        cls.model = str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 3000, "--seed", 5, "--spectroscopic", 0.3, "--output", cls.catalogue, "--threads", 1)
        cls.sample = str(cls.base / "survey.spec.h5")
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.sample, "--output", cls.model, "--dnf.neighbours", 20)
        random = np.random.default_rng(7)
        cls.columns = {"id": np.arange(1, 51), "ra": random.uniform(0, 360, 50), "dec": random.uniform(-90, 90, 50),
                       "flux": random.normal(size=50).astype("f4")}
        cls.fits = support.make_fits(cls.base / "good.fits", cls.columns)
        cls.csv = support.make_csv(cls.base / "good.csv", cls.columns)
        cls.hdf5 = support.make_hdf5(cls.base / "good.hdf5", cls.columns)

    # --- helpers ---------------------------------------------------------------------------------

    def file(self, name, content):
        path = self.base / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def damaged(self, path, name, **places):
        """A copy, cut to `size` bytes, or with bytes `at` ... `to` turned over."""
        content = bytearray(support.read_bytes(path))
        if "size" in places:
            del content[places["size"]:]
        for i in range(places.get("at", 0), places.get("to", 0)):
            content[i] ^= 0xFF
        return self.file(name, bytes(content))

    def copy(self, path, name):
        return shutil.copy(path, self.base / name)

    def with_values(self, name, **changes):
        return support.make_fits(self.base / name, {**self.columns, **changes})

    def changed(self, column, row, value):
        values = self.columns[column].copy()
        values[row] = value
        return values

    def check(self, cases, ranks=0):
        for name, code, pattern, *words in cases:
            with self.subTest(name, ranks=ranks):
                out = self.base / "out"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                before = self.files()
                words = [str(word).replace("OUT", str(out)) for word in words]
                result = self.run_skyfold(*words, ranks=ranks)
                self.assertEqual(result.code, code, str(result))
                errors = result.errors()
                self.assertEqual(len(errors), 1, f"one line is wanted\n{result}")
                self.assertRegex(errors[0], pattern)
                self.assertNotRegex(result.err, r"HDF5-DIAG|terminate called|MPI_ABORT|\bdefect\b")
                self.assertEqual(sorted(os.listdir(out)), [], f"left behind\n{result}")
                self.assertEqual(self.files(), before, f"left behind\n{result}")

    def files(self):
        """What stands beside the inputs, with its content's size and age; the registry keeps a record of what failed."""
        return {entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in os.scandir(self.base)
                if entry.name != "out" and not entry.name.startswith("skyfold.db") and entry.is_file()}

    def imports(self, path, *words):
        return ["import", "--input", path, "--output", "OUT/c.h5", *words]

    def estimates(self, *words, catalogue=None, model=None):
        return ["photoz", "--catalogue", catalogue or self.catalogue, "--model", model or self.model, "--output", "OUT/z.h5",
                "--threads", 1, *words]

    # --- the command line ------------------------------------------------------------------------

    def test_command_line(self):
        self.check([
            ("no such command", USAGE, r"no command 'improt', did you mean 'import'", "improt"),
            ("command in a far away language", USAGE, r"no command 'xyzzyx'", "xyzzyx"),
            ("unknown option", USAGE, r"unknown option 'catalog' \(did you mean 'catalogue'\?\)", "info", "--catalog", self.catalogue),
            ("unknown option of a section", USAGE, r"'partition.nsid' \(did you mean 'partition.nside'", *self.estimates("--partition.nsid", 4)),
            ("option without value", USAGE, r"--output needs a value", "import", "--input", self.csv, "--output"),
            ("option without value before another", USAGE, r"--input needs a value", "import", "--input", "--output", "OUT/c.h5"),
            ("option twice", USAGE, r"--output is given twice", *self.imports(self.csv, "--output", "OUT/d.h5")),
            ("stray word", USAGE, r"'stray.h5' is not an option", "photoz", "stray.h5"),
            ("required option missing", USAGE, r"--output is missing", "import", "--input", self.csv),
            ("required option empty", USAGE, r"--?output", "import", "--input", self.csv, "--output="),
            ("number with letters", USAGE, r"partitions-per-job.*abc", *self.estimates("--partitions-per-job", "abc")),
            ("no partitions per job", USAGE, r"partitions-per-job.*\b0\b", *self.estimates("--partitions-per-job", 0)),
            ("less than no partitions per job", USAGE, r"partitions-per-job.*-1", *self.estimates("--partitions-per-job", -1)),
            ("negative threads", USAGE, r"threads = -1 \(must be in 0 to", "info", "--catalogue", self.catalogue, "--threads", -1),
            ("threads of 1.5", USAGE, r"threads = '1.5' is not a whole number", "info", "--catalogue", self.catalogue, "--threads", 1.5),
            ("not one of the choices", USAGE, r"partition.by = 'sphere' \(must be one of adaptive", *self.estimates("--partition.by", "sphere")),
            ("NaN for a limit", USAGE, r"cuts.z_max = nan", "train", "--calibrate", "none", "--sample", self.sample, "--output", "OUT/m.h5", "--cuts.z_max", "nan"),
            ("list of numbers with text", USAGE, r"cuts.mag_max = 'faint' is not a number", "train", "--calibrate", "none", "--sample", self.sample,
             "--output", "OUT/m.h5", "--cuts.mag_max", "22,faint"),
        ])

    def test_configuration_files(self):
        def ini(name, text):
            return self.file(name, text)
        self.check([
            ("absent", IO, r"nowhere.ini: no such file", *self.estimates("--config", self.base / "nowhere.ini")),
            ("a folder", IO, r"is a folder", *self.estimates("--config", self.base)),
            ("unknown key", USAGE, r"key.ini, line 2: unknown option 'partition.nsides' \(did you mean 'partition.nside'",
             *self.estimates("--config", ini("key.ini", "[partition]\nnsides = 4\n"))),
            ("key twice", USAGE, r"twice.ini, line 3: partition.nside is given twice",
             *self.estimates("--config", ini("twice.ini", "[partition]\nnside = 4\nnside = 8\n"))),
            ("bad value", USAGE, r"value.ini, line 2: partition.nside = 'four' is not a whole number",
             *self.estimates("--config", ini("value.ini", "[partition]\nnside = four\n"))),
            ("no equals sign", USAGE, r"syntax.ini\b.*nside", *self.estimates("--config", ini("syntax.ini", "[partition]\nnside\n"))),
            ("open bracket", USAGE, r"bracket.ini\b.*partition", *self.estimates("--config", ini("bracket.ini", "[partition\nnside = 4\n"))),
            ("a catalogue as configuration", USAGE, r"survey.h5\b", *self.estimates("--config", self.catalogue)),
        ])

    # --- inputs of import ------------------------------------------------------------------------

    def test_files_that_import_cannot_read(self):
        (self.base / "empty_folder").mkdir(exist_ok=True)
        size = os.path.getsize(self.fits)
        packed = gzip.compress(support.read_bytes(self.fits))
        self.check([
            ("absent", IO, r"absent.fits: no such file", *self.imports(self.base / "absent.fits")),
            ("list that is absent", IO, r"absent.txt", *self.imports(f"@{self.base / 'absent.txt'}")),
            ("file of a list that is absent", IO, r"gone.csv: no such file", *self.imports("@" + self.file("list.txt", "gone.csv\n"))),
            ("a folder", IO, r"empty_folder: is a (folder|directory)", *self.imports(self.base / "empty_folder")),
            ("empty", IO, r"empty.csv: is empty", *self.imports(self.file("empty.csv", ""))),
            ("header alone", DATA, r"header.csv: no rows", *self.imports(self.file("header.csv", "id,ra,dec\n"))),
            ("an image", IO, r"image.png: ", *self.imports(self.file("image.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"))),
            ("compressed", IO, r"good.csv.gz: is gzip-compressed", *self.imports(self.file("good.csv.gz", gzip.compress(support.read_bytes(self.csv))))),
            ("compressed and cut", IO, r"cut.fits.gz: ends at byte \d+ inside its gzip data .truncated", *self.imports(self.file("cut.fits.gz", packed[:-100]))),
            ("compressed and damaged", DATA, r"bad.fits.gz: its gzip data are damaged before byte",
             *self.imports(self.file("bad.fits.gz", packed[:-5] + b"\0" + packed[-4:]))),
            ("compressed, of a cut file", IO, r"half.fits.gz: .*50 rows", *self.imports(self.file("half.fits.gz", gzip.compress(support.read_bytes(self.fits)[:-2880])))),
            ("wrong format by option", IO, r"good.csv: .*input.format = fits", *self.imports(self.csv, "--input.format", "fits")),
            ("FITS cut in its rows", IO, r"cut.fits: .*50 rows", *self.imports(self.damaged(self.fits, "cut.fits", size=size - 2880))),
            ("FITS cut in its header", IO, r"head.fits: .*header", *self.imports(self.damaged(self.fits, "head.fits", size=3000))),
            ("FITS without a table", DATA, r"primary.fits: ", *self.imports(self.damaged(self.fits, "primary.fits", size=2880))),
            ("HDF5 cut", IO, r"cut.hdf5: ", *self.imports(self.damaged(self.hdf5, "cut.hdf5", size=1500))),
            ("HDF5 with a damaged header", IO, r"flipped.hdf5: ", *self.imports(self.damaged(self.hdf5, "flipped.hdf5", at=16, to=64))),
            ("no such HDU", DATA, r"good.fits: .*SOURCES", *self.imports(self.fits, "--input.hdu", "SOURCES")),
            ("no such group", DATA, r"good.hdf5: .*/nothing", *self.imports(self.hdf5, "--input.group", "/nothing")),
            ("CSV cut in a row", DATA, r"cut.csv, row 50: \d cells? instead of 4",
             *self.imports(self.damaged(self.csv, "cut.csv", size=os.path.getsize(self.csv) - len(support.read_bytes(self.csv).splitlines()[-1])))),
            ("quote that never ends", DATA, r"quote.csv", *self.imports(self.file("quote.csv", 'id,ra,dec\n1,2,3\n2,"4,5\n3,6,7\n'))),
            ("delimiter of two characters", USAGE, r"input.delimiter = '::'", *self.imports(self.csv, "--input.delimiter", "::")),
        ])

    def test_columns_that_import_cannot_use(self):
        no_ra = {name: values for name, values in self.columns.items() if name != "ra"}
        no_flux = {name: values for name, values in self.columns.items() if name != "flux"}
        as_text = {**self.columns, "flux": np.array(["x"] * 50)}
        self.check([
            ("no right ascension", USAGE, r"no_ra.fits: no coordinates", *self.imports(support.make_fits(self.base / "no_ra.fits", no_ra))),
            ("named right ascension is absent", USAGE, r"good.fits: no column 'RA_J2000' \(named by --columns.ra",
             *self.imports(self.fits, "--columns.ra", "RA_J2000")),
            ("named id is absent", USAGE, r"good.csv: no column 'obj'.*--columns.id", *self.imports(self.csv, "--columns.id", "obj")),
            ("id with fractions", DATA, r"row 1, column flux: .* is not a whole number", *self.imports(self.fits, "--columns.id", "flux")),
            ("right ascension is text", DATA, r"tiles.fits, row 1, column ra: '10:20:30' is not a number",
             *self.imports(support.make_fits(self.base / "tiles.fits", {**self.columns, "ra": np.array(["10:20:30"] * 50)}))),
            ("kept column is absent", USAGE, r"no column 'fluxx' .*did you mean 'flux'", *self.imports(self.fits, "--keep", "fluxx")),
            ("no tiles", USAGE, r"good.fits: no column of tile names", *self.imports(self.fits, "--ordering", "tile")),
            ("tile is a number", USAGE, r"column flux cannot be the tile", *self.imports(self.fits, "--ordering", "tile", "--columns.tile", "flux")),
            ("no attribute named", USAGE, r"--ordering.column is missing", *self.imports(self.fits, "--ordering", "attribute")),
            ("attribute is absent", USAGE, r"no column 'mag'", *self.imports(self.fits, "--ordering", "attribute", "--ordering.column", "mag")),
            ("two columns of one name", DATA, r"double.csv: two columns are named 'ra'", *self.imports(self.file("double.csv", "ra,ra,dec\n1,2,3\n"))),
            ("two columns of one name without slashes", DATA, r"slash.csv: .*'?a[/_]b'?", *self.imports(self.file("slash.csv", "ra,dec,a/b,a_b\n1,2,3,4\n"))),
            ("a column that HDF5 cannot name", DATA, r"dot.csv: .*'?\.'?", *self.imports(self.file("dot.csv", "ra,dec,.\n1,2,3\n"))),
            ("second file lacks a column", DATA, r"no_flux.fits: no column flux, which .*good.fits has",
             "import", "--input", self.fits, support.make_fits(self.base / "no_flux.fits", no_flux), "--output", "OUT/c.h5"),
            ("second file has another column", DATA, r"good.fits: column flux is not in .*no_flux.fits",
             "import", "--input", self.base / "no_flux.fits", self.fits, "--output", "OUT/c.h5"),
            ("second file has text for numbers", DATA, r"as_text.fits: column flux is text, but numbers in",
             "import", "--input", self.fits, support.make_fits(self.base / "as_text.fits", as_text), "--output", "OUT/c.h5"),
        ])

    def test_values_that_import_cannot_use(self):
        lines = ["id,ra,dec,mag"] + [f"{i},{i % 360},{i % 90},20.5" for i in range(1, 12001)]
        lines[11501] = "11501,10,10,bright"
        self.check([
            ("right ascension missing", DATA, r"nan.fits, row 8, column ra: no coordinate",
             *self.imports(self.with_values("nan.fits", ra=self.changed("ra", 7, np.nan)))),
            ("declination of 91", DATA, r"dec91.fits, row 3, column dec: 91 is outside -90 to 90",
             *self.imports(self.with_values("dec91.fits", dec=self.changed("dec", 2, 91.0)))),
            ("right ascension of 400", DATA, r"ra400.fits, row 50, column ra: 400 is outside -360 to 360",
             *self.imports(self.with_values("ra400.fits", ra=self.changed("ra", 49, 400.0)))),
            ("infinite declination", DATA, r"inf.fits, row 1, column dec: inf",
             *self.imports(self.with_values("inf.fits", dec=self.changed("dec", 0, np.inf)))),
            ("id twice", DATA, r"ids.fits, row 50, column id: the id occurs before, in .*ids.fits, row 11",
             *self.imports(self.with_values("ids.fits", id=self.changed("id", 49, 11)))),
            ("id in two files", DATA, r"good.csv, row 1, column id: the id occurs before, in .*good.fits, row 1",
             "import", "--input", self.fits, self.csv, "--output", "OUT/c.h5"),
            ("empty coordinate in text", DATA, r"gap.csv, row 2, column ra: no coordinate",
             *self.imports(self.file("gap.csv", "id,ra,dec\n1,10,10\n2,,10\n"))),
            ("text where thousands of numbers stood", DATA, r"word.csv, row 11501, column mag: .*bright",
             *self.imports(self.file("word.csv", "\n".join(lines) + "\n"))),
            ("text in a coordinate", DATA, r"word_ra.csv, row 2, column ra: .*north",
             *self.imports(self.file("word_ra.csv", "id,ra,dec\n1,10,10\n2,north,10\n3,10,20\n"))),
            ("every row is dropped", DATA, r"all_bad.csv: no row is left",
             *self.imports(self.file("all_bad.csv", "id,ra,dec\n1,10,100\n2,10,200\n"), "--on-bad-row", "drop")),
        ])

    # --- catalogues and models -------------------------------------------------------------------

    def unfinished(self):
        path = str(self.base / "unfinished.h5")
        shutil.copy(self.catalogue, path)
        with h5py.File(path, "r+") as file:
            del file.attrs["fingerprint"]
        return path

    def test_catalogues_and_models(self):
        other = support.make_hdf5(self.base / "other.hdf5", {**self.columns, "flux": self.columns["flux"]})
        other_catalogue = str(self.base / "other.h5")
        self.skyfold("import", "--input", other, "--output", other_catalogue)
        newer = str(self.base / "newer.h5")
        shutil.copy(self.catalogue, newer)
        with h5py.File(newer, "r+") as file:
            file.attrs.modify("format_version", "2")
        bandless = support.make_hdf5(self.base / "bandless.hdf5", {n: v for n, v in support.read_group(self.catalogue).items() if n != "mag_i"})
        clash = support.make_hdf5(self.base / "clash.hdf5", {**support.read_group(self.catalogue), "flags": np.arange(3000) % 7})
        self.skyfold("import", "--input", clash, "--output", self.base / "clash.h5", "--ordering", "attribute", "--ordering.column", "flags")
        lists = str(self.base / "lists.hdf5")
        with h5py.File(lists, "w") as file:
            file.attrs["skyfold_format"] = ["a list"] * 50
            file.create_dataset("object/ra", data=np.arange(10.0)).attrs["unit"] = ["deg"] * 50
        self.assertIn("10 rows", self.skyfold("info", lists).out)
        self.check([
            ("attributes of a model that are lists of texts", DATA, r"lists.hdf5: .*model", *self.estimates(model=lists)),
            ("catalogue absent", IO, r"gone.h5: no such file", *self.estimates(catalogue=self.base / "gone.h5")),
            ("model absent", IO, r"gone.h5: no such file", *self.estimates(model=self.base / "gone.h5")),
            ("a model as catalogue", DATA, r"model.h5: .*catalogue", *self.estimates(catalogue=self.model)),
            ("a catalogue as model", DATA, r"survey.h5: a product of class catalogue, but --model takes photoz_model", *self.estimates(model=self.catalogue)),
            ("a FITS table without magnitudes as catalogue", DATA, r"good.fits: no columns for bands g,r,i,z,Y of the model", *self.estimates(catalogue=self.fits)),
            ("somebody's HDF5 without magnitudes as catalogue", DATA, r"good.hdf5: no columns for bands", *self.estimates(catalogue=self.hdf5)),
            ("a table without one of the bands", DATA, r"bandless.hdf5: no columns for bands i of the model", *self.estimates(catalogue=bandless)),
            ("a folder as catalogue", IO, f"{self.base}: ", *self.estimates(catalogue=self.base)),
            ("empty catalogue", IO, r"empty.h5: ", "info", "--catalogue", self.file("empty.h5", "")),
            ("catalogue cut", IO, r"cut.h5: ", *self.estimates(catalogue=self.damaged(self.catalogue, "cut.h5", size=100_000))),
            ("catalogue with a damaged header", IO, r"flip.h5: ", *self.estimates(catalogue=self.damaged(self.catalogue, "flip.h5", at=16, to=96))),
            ("model cut", IO, r"cutmodel.h5: ", *self.estimates(model=self.damaged(self.model, "cutmodel.h5", size=20_000))),
            ("unfinished catalogue", DATA, r"unfinished.h5: unfinished catalogue", *self.estimates(catalogue=self.unfinished())),
            ("catalogue of a later version", DATA, r"newer.h5: catalogue format 2", "info", "--catalogue", newer),
            ("model for other bands", DATA, r"other.h5: no columns for bands g,r,i,z,Y", *self.estimates(catalogue=other_catalogue)),
            ("bands named wrongly", USAGE, r"no column 'flux_g'", *self.estimates("--bands.magnitude", "flux_{band}")),
            ("a column named like one of the product", DATA, r"clash.h5: .*flags", *self.estimates(
                "--partition.by", "attribute", "--partition.column", "flags", catalogue=self.base / "clash.h5")),
            ("truth is absent", USAGE, r"no column z_true \(named by --truth\)", *self.estimates("--truth", "z_true")),
            ("truth is text", USAGE, r"column tile", *self.estimates("--truth", "tile")),
        ])

    def test_partitions(self):
        flat = str(self.base / "flat.h5")
        self.skyfold("import", "--input", self.sample, "--ordering", "none", "--keep", "mag_g,mag_err_g,mag_r,mag_err_r,mag_i,mag_err_i,"
                     "mag_z,mag_err_z,mag_Y,mag_err_Y", "--output", flat)
        def by_attribute(*words):
            return self.estimates("--partition.by", "attribute", *words)
        def bins(text):
            return by_attribute("--partition.column", "mag_i", "--partition.bins", text)
        # Makes the copy that later cases find, so that it does not count as left behind.
        self.skyfold("photoz", "--catalogue", self.catalogue, "--model", self.model, "--output", self.base / "z.h5",
                     "--partition.by", "attribute", "--partition.column", "mag_i", "--threads", 1)
        self.check([
            ("NSide 3", USAGE, r"partition.nside = 3\b", *self.estimates("--partition.by", "healpix", "--partition.nside", 3)),
            ("NSide 5", USAGE, r"partition.nside = 5\b", *self.estimates("--partition.by", "healpix", "--partition.nside", 5)),
            ("NSide 2048", USAGE, r"partition.nside = 2048 \(must be in 4 to 1024", *self.estimates("--partition.by", "healpix", "--partition.nside", 2048)),
            ("no coordinates", USAGE, r"flat.h5: no coordinates", *self.estimates("--partition.by", "healpix", catalogue=flat)),
            ("no tiles", USAGE, r"flat.h5: no tile names", *self.estimates("--partition.by", "tile", catalogue=flat)),
            ("no column", USAGE, r"--partition.column is missing", *by_attribute()),
            ("column is absent", USAGE, r"no column mag_q \(named by --partition.column\)", *by_attribute("--partition.column", "mag_q")),
            ("column of text", USAGE, r"column tile is not a column of numbers", *by_attribute("--partition.column", "tile")),
            ("bins overlap", USAGE, r"partition.bins: edge 20 does not lie above 20", *bins("edges:18,20,20,22")),
            ("bins decrease", USAGE, r"partition.bins: edge 19 does not lie above 21", *bins("edges:18,21,19")),
            ("one edge", USAGE, r"partition.bins: edges needs at least two", *bins("edges:18")),
            ("edge of text", USAGE, r"partition.bins: edge 'faint'", *bins("edges:18,faint")),
            ("unknown kind of bins", USAGE, r"partition.bins = quantile:4", *bins("quantile:4")),
            ("no bins", USAGE, r"partition.bins: '0'", *bins("equal:0")),
            ("plan by tile of a catalogue by HEALPix", USAGE, r"survey.h5: ordered by healpix", "plan", "--catalogue", self.catalogue,
             "--partition.by", "tile"),
            ("plan for no ranks", USAGE, r"ranks = 0", "plan", "--catalogue", self.catalogue, "--ranks", 0),
        ])

    # --- outputs ---------------------------------------------------------------------------------

    def test_outputs(self):
        (self.base / "taken").mkdir(exist_ok=True)
        table, sample = self.copy(self.hdf5, "table.hdf5"), self.copy(self.sample, "sample.h5")
        model = self.copy(self.model, "model2.h5")
        to = ["photoz", "--catalogue", self.catalogue, "--model", self.model, "--threads", 1, "--output"]
        self.check([
            ("folder is missing", IO, r"nowhere: no such folder", *to, self.base / "nowhere" / "z.h5"),
            ("folder takes no files", IO, r"^skyfold photoz: /proc.*z.h5", *to, "/proc/z.h5"),
            ("is a folder", IO, r"taken: is a folder", *to, self.base / "taken"),
            ("FITS in a missing folder", IO, r"nowhere: no such folder", *to, "OUT/z.h5", "--fits", self.base / "nowhere" / "z.fits"),
            ("FITS is a folder", IO, r"taken: is a folder", *to, "OUT/z.h5", "--fits", self.base / "taken"),
            ("two products, one name", USAGE, r"/z.*two products", *to, "OUT/z", "--fits", "OUT/z"),
            ("two products, one name, written differently", USAGE, r"/z.*two products", *to, "OUT/z", "--fits", "OUT/./z"),
            ("FITS where the PDFs go", USAGE, r"z.pdf.hdf5", *to, "OUT/z.h5", "--pdf", "interp", "--fits", "OUT/z.pdf.hdf5"),
            ("the catalogue as output", USAGE, r"survey.h5 is both input and output", *to, self.catalogue),
            ("the model as output", USAGE, r"model2.h5 is both input and output", "photoz", "--catalogue", self.catalogue, "--model", model, "--output", model),
            ("the model as FITS", USAGE, r"model2.h5: is written as FITS",
             "photoz", "--catalogue", self.catalogue, "--model", model, "--output", "OUT/z.h5", "--fits", model),
            ("an input of import as output", USAGE, r"table.hdf5.*both input and output", "import", "--input", table, "--output", table),
            ("the sample as model", USAGE, r"sample.h5.*both input and output", "train", "--calibrate", "none", "--sample", sample, "--output", sample),
            ("the sample as validation data", USAGE, r"sample.h5.*both input and output", "train", "--calibrate", "none", "--sample", sample, "--output", "OUT/m.h5",
             "--train.fraction", 0.5, "--train.validation", sample),
            ("model and validation, one name", USAGE, r"m.h5", "train", "--calibrate", "none", "--sample", self.sample, "--output", "OUT/m.h5",
             "--train.fraction", 0.5, "--train.validation", "OUT/m.h5"),
            ("rejects in a missing folder", IO, r"nowhere: no such folder",
             *self.imports(self.file("half_bad.csv", "id,ra,dec\n1,10,10\n2,10,200\n"), "--on-bad-row", "drop",
                           "--rejects", self.base / "nowhere" / "rejects.csv")),
            ("rejects named as the catalogue", USAGE, r"c.h5", *self.imports(self.base / "half_bad.csv", "--on-bad-row", "drop", "--rejects", "OUT/c.h5")),
            ("mock to a missing folder", IO, r"nowhere: no such folder", "mock", "--objects", 10, "--output", self.base / "nowhere" / "m.h5"),
        ])

    # --- other options ---------------------------------------------------------------------------

    def test_training(self):
        def train(*words, sample=None):
            return ["train", "--calibrate", "none", "--sample", sample or self.sample, "--output", "OUT/m.h5", *words]
        without = {name: values for name, values in support.read_group(self.sample).items()}
        no_z = support.make_hdf5(self.base / "no_z.hdf5", {k: v for k, v in without.items() if not k.startswith("z_")})
        self.check([
            ("sample absent", IO, r"gone.h5: no such file", *train(sample=self.base / "gone.h5")),
            ("no redshifts", USAGE, r"no_z.hdf5: no column of redshifts", *train(sample=no_z)),
            ("redshift column absent", USAGE, r"survey.spec.h5: no column 'z_spek'", *train("--redshift", "z_spek")),
            ("redshift is text", DATA, r"survey.spec.h5: column tile is not a column of numbers", *train("--redshift", "tile")),
            ("no bands", USAGE, r"good.fits: no known names of magnitude columns", *train(sample=self.fits)),
            ("band absent", USAGE, r"survey.spec.h5: no column 'mag_u'", *train("--bands", "u,g,r", "--bands.magnitude", "mag_{band}")),
            ("fraction 0", USAGE, r"train.fraction = 0 \(must be in", *train("--train.fraction", 0)),
            ("fraction 2", USAGE, r"train.fraction = 2 \(must be in", *train("--train.fraction", 2)),
            ("no object passes", DATA, r"no object passes the cuts", *train("--cuts.z_min", 50)),
            ("fewer objects than neighbours", DATA, r"survey.spec.h5|neighbours", *train("--cuts.z_max", 0.02, "--dnf.neighbours", 5000)),
            ("limits for other bands", USAGE, r"--cuts.mag_max: 2 values for 5 bands", *train("--cuts.mag_max", "22,23")),
            ("unknown algorithm", USAGE, r"magic.*dnf", *train("--algorithms", "magic")),
        ])

    def test_pdfs_and_mocks(self):
        self.check([
            ("grid that runs backwards", USAGE, r"pdf.zm(ax|in)", *self.estimates("--pdf", "interp", "--pdf.zmin", 1, "--pdf.zmax", 0.5)),
            ("grid of one point", USAGE, r"pdf.bins = 1 \(a grid", *self.estimates("--pdf", "interp", "--pdf.bins", 1)),
            ("unknown form", USAGE, r"pdf = 'voigt'", *self.estimates("--pdf", "voigt")),
            ("no objects", USAGE, r"objects = 0 \(must be in 1", "mock", "--objects", 0, "--output", "OUT/m.h5"),
            ("unknown survey", USAGE, r"survey = 'euclid'", "mock", "--survey", "euclid", "--output", "OUT/m.h5"),
            ("block of no rows", USAGE, r"farm.block_rows = 0", *self.estimates("--farm.block_rows", 0)),
            ("unknown master", USAGE, r"farm.master = 'some'", *self.estimates("--farm.master", "some")),
        ])

    # --- on ranks --------------------------------------------------------------------------------

    def test_one_line_from_two_ranks(self):
        self.check([
            ("unknown option", USAGE, r"unknown option 'catalog'", *self.estimates("--catalog", "x")),
            ("absent input", IO, r"absent.fits: no such file", *self.imports(self.base / "absent.fits")),
            ("declination of 91", DATA, r"bad.csv, row 2, column dec: 91",
             *self.imports(self.file("bad.csv", "id,ra,dec\n1,10,10\n2,10,91\n"))),
            ("id twice", DATA, r"twice.csv, row 2, column id", *self.imports(self.file("twice.csv", "id,ra,dec\n7,10,10\n7,10,9\n"))),
            ("a catalogue as model", DATA, r"survey.h5: a product of class catalogue, but --model takes photoz_model", *self.estimates(model=self.catalogue)),
            ("folder is missing", IO, r"nowhere: no such folder", "mock", "--objects", 10, "--output", self.base / "nowhere" / "m.h5"),
            ("no partitions per job", USAGE, r"partitions-per-job", *self.estimates("--partitions-per-job", 0)),
            ("NSide 5", USAGE, r"partition.nside = 5\b", *self.estimates("--partition.by", "healpix", "--partition.nside", 5)),
        ], ranks=2)


if __name__ == "__main__":
    support.main()
