"""photoz for some objects: --where gives the rows of a full run for them, --pdf.where keeps some PDFs. Which rows these are is decided
by numpy; PDF files are looked at by the rules of qp's reader, with h5py."""
import pathlib
import shutil
import sys

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

OBJECTS = 70_000  # more than a zone of 65,536 rows
WHERE, PDF_WHERE = "mag_i < 21.5 and not missing(mag_g)", "mag_r < 20.7"


class Chosen(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", OBJECTS, "--seed", 12, "--spectroscopic", 0.02, "--output", cls.catalogue, "--threads", 1)
        cls.sample = str(cls.base / "survey.spec.h5")
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.sample, "--output", cls.model, "--dnf.neighbours", 40)
        cls.objects = support.read_group(cls.catalogue)
        cls.is_chosen = (cls.objects["mag_i"] < 21.5) & ~np.isnan(cls.objects["mag_g"])
        cls.has_pdf = cls.objects["mag_r"] < 20.7
        cls.whole = str(cls.base / "whole.h5")
        cls.photoz(cls.whole, "--pdf", "interp", "--pdf.bins", 21)
        assert 100 < (cls.is_chosen & cls.has_pdf).sum() < cls.is_chosen.sum() < OBJECTS - 100

    @classmethod
    def photoz(cls, output, *words, run=None, **options):
        return (run or cls.skyfold)("photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", output, "--threads", 1,
                                    "--project", "none", "--product-log", "none", *words, **options)

    def assert_rows(self, found, whole, rows, but=()):
        self.assertEqual(set(found), set(whole) | set(but))
        for name in whole:
            self.assertEqual(found[name].tobytes(), whole[name][rows].tobytes(), name)

    def test_where_gives_the_rows_of_a_full_run(self):
        whole, pdfs = support.read_group(self.whole), support.read_group(str(self.base / "whole.pdf.hdf5"), "/data")
        runs = [(0, "--farm.block_rows 1000 --partition.by rows --partition.rows 997"), (3, "--partition.by healpix --partition.nside 64"),
                (4, "--partition.rows 2000 --partitions-per-job 1")]
        first = None
        for ranks, options in runs:
            with self.subTest(ranks=ranks, options=options):
                result = self.photoz(self.path("z.h5"), "--pdf", "interp", "--pdf.bins", 21, "--fits", self.path("z.fits"), "--where", WHERE,
                                     "--fresh", *options.split(), ranks=ranks)
                self.assertIn(f"{self.is_chosen.sum():,} of {OBJECTS:,} objects", result.err + result.out)
                files = [support.read_bytes(self.path(name)) for name in ("z.h5", "z.pdf.hdf5", "z.fits")]
                first = first or files
                self.assertEqual([len(file) for file in files], [len(file) for file in first])
                self.assertTrue(files == first, "bytes differ from those of the first run")
        self.assert_rows(support.read_group(self.path("z.h5")), whole, self.is_chosen)
        self.assert_rows(support.read_group(self.path("z.pdf.hdf5"), "/data"), pdfs, self.is_chosen)
        with fits.open(self.path("z.fits"), checksum=True) as file:
            np.testing.assert_array_equal(file[1].data["id"], whole["id"][self.is_chosen])
            np.testing.assert_array_equal(file[1].data["z_phot"], whole["z_phot"][self.is_chosen])
        # The product is a catalogue like others.
        self.assertEqual(self.skyfold("info", "--catalogue", self.path("z.h5")).code, 0)
        self.photoz(self.path("all.h5"), "--pdf", "interp", "--pdf.bins", 21, "--where", "id == id")
        self.assert_rows(support.read_group(self.path("all.h5")), whole, slice(None))

    def test_other_orders_have_the_same_rows(self):
        whole = support.read_group(self.whole)
        self.photoz(self.path("z.h5"), "--where", WHERE, "--partition.by", "tile", ranks=2)
        found = support.read_group(self.path("z.h5"))
        self.assertTrue((np.diff(np.unique(found["tile"], return_inverse=True)[1]) >= 0).all())
        order, rows = np.argsort(found["id"]), np.argsort(whole["id"][self.is_chosen])
        for name in ("id", "z_phot", "d1"):
            np.testing.assert_array_equal(found[name][order], whole[name][self.is_chosen][rows], name)

    def test_pdf_where_keeps_the_pdfs_of_some(self):
        data = support.read_group(str(self.base / "whole.pdf.hdf5"), "/data")
        whole = support.read_group(self.whole)
        for words, chosen in (((), np.ones(OBJECTS, bool)), (("--where", WHERE), self.is_chosen)):
            with self.subTest(words=words):
                self.photoz(self.path("z.h5"), "--pdf", "interp", "--pdf.bins", 21, "--pdf.where", PDF_WHERE, *words, ranks=3)
                self.assert_rows(support.read_group(self.path("z.h5")), whole, chosen)
                self.assert_rows(support.read_group(self.path("z.pdf.hdf5"), "/data"), data, chosen & self.has_pdf)
                with h5py.File(self.path("z.pdf.hdf5")) as file:
                    # qp: meta has one row, data and ancil one for each PDF.
                    self.assertEqual(file["meta/pdf_name"][0], b"interp")
                    self.assertEqual(file["meta/xvals"].shape, (1, 21))
                    self.assertLessEqual({"row", "object_id", "z_median"}, set(file["ancil"]))
                    count = int((chosen & self.has_pdf).sum())
                    self.assertEqual({dataset.shape[0] for group in ("data", "ancil") for dataset in file[group].values()}, {count})
                    np.testing.assert_array_equal(file["ancil/row"][:], np.flatnonzero(self.has_pdf[chosen]))
                    np.testing.assert_array_equal(file["ancil/object_id"][:], whole["id"][chosen & self.has_pdf])
        self.photoz(self.path("y.h5"), "--pdf", "interp", "--pdf.bins", 21, "--pdf.where", PDF_WHERE, "--where", WHERE, "--partition.rows", 3000)
        for name in ("h5", "pdf.hdf5"):
            self.assertTrue(support.read_bytes(self.path(f"y.{name}")) == support.read_bytes(self.path(f"z.{name}")), name)

    def test_a_killed_run_goes_on(self):
        words = ["--pdf", "interp", "--pdf.bins", 21, "--where", WHERE, "--pdf.where", PDF_WHERE, "--partition.rows", 2000]
        self.photoz(self.path("reference.h5"), *words)
        for fault, code in (("kill@5", -9), ("throw@4", 5)):
            with self.subTest(fault=fault):
                output = self.path(f"{fault[:4]}.h5")
                result = self.photoz(output, *words, "--farm.fault", fault, run=self.run_skyfold)
                self.assertEqual(result.code, code, result)
                self.photoz(output, *words, ranks=2)
                for name in ("h5", "pdf.hdf5"):
                    self.assertTrue(support.read_bytes(output[:-2] + name) == support.read_bytes(self.path(f"reference.{name}")), name)
        output = self.path("other.h5")
        self.photoz(output, *words, "--farm.fault", "kill@5", run=self.run_skyfold)
        result = self.photoz(output, "--where", "mag_i < 21", run=self.run_skyfold)
        self.assertEqual(result.code, 2, result)  # of another condition: not taken up
        self.assertRegex(result.err, "--fresh")

    def test_validate_joins_the_pdfs_that_are_there(self):
        for name, words in (("all", ()), ("some", ("--pdf.where", PDF_WHERE))):
            self.photoz(self.path(f"{name}.h5"), "--pdf", "interp", "--pdf.bins", 101, *words)
            self.skyfold("validate", "--sample", self.sample, "--estimates", self.path(f"{name}.h5"), "--output", self.path(f"{name}.v.h5"),
                         "--on-missing", "count")
        found = {name: support.read_group(self.path(f"{name}.v.h5"), "/objects") for name in ("all", "some")}
        has_pdf = self.has_pdf[[int(np.flatnonzero(self.objects["id"] == id)[0]) for id in found["all"]["id"]]]
        pit, some = found["all"]["pit"].ravel(), found["some"]["pit"].ravel()
        self.assertGreater(np.isfinite(pit[has_pdf]).sum(), 100)
        np.testing.assert_array_equal(some[has_pdf], pit[has_pdf])
        self.assertTrue(np.isnan(some[~has_pdf]).all())
        with h5py.File(self.path("some.pdf.hdf5"), "r+") as file:
            rows = file["ancil/row"][:]
            rows[7] = rows[6]
            file["ancil/row"][:] = rows
        result = self.run_skyfold("validate", "--sample", self.sample, "--estimates", self.path("some.h5"), "--output", self.path("w.h5"),
                                  "--on-missing", "count", "--verify-inputs", "off")
        self.assertEqual(result.code, 3, result)
        self.assertRegex(result.errors()[0], r"some.pdf.hdf5, row 8: /ancil/row = \d+ after \d+")

    def test_ids_may_be_texts(self):
        columns = {name: values[:3000] for name, values in self.objects.items() if name.startswith(("ra", "dec", "mag"))}
        columns["id"] = np.array([f"object {'x' * (i % 7)}{i}".encode() for i in range(3000)])
        self.skyfold("import", "--input", support.make_fits(self.path("t.fits"), columns), "--output", self.path("t.h5"))
        self.skyfold("photoz", "--catalogue", self.path("t.h5"), "--model", self.model, "--output", self.path("z.h5"), "--fits", self.path("z.fits"),
                     "--where", "mag_i < 21.5", "--pdf", "interp", "--pdf.where", PDF_WHERE, ranks=2)
        imported = support.read_group(self.path("t.h5"))
        chosen = imported["mag_i"] < 21.5
        np.testing.assert_array_equal(fits.getdata(self.path("z.fits"))["id"], imported["id"][chosen].astype(str))
        np.testing.assert_array_equal(support.read_group(self.path("z.pdf.hdf5"), "/ancil")["object_id"],
                                      imported["id"][chosen & (imported["mag_r"] < 20.7)])

    def test_what_cannot_be_is_refused(self):
        for code, message, words in (
                (3, r"--where 'mag_i < 3' holds for none of 70,000 objects", ("--where", "mag_i < 3")),
                (3, r"--pdf.where 'mag_i > 21.5' holds for none of 70,000 objects",
                 ("--where", WHERE, "--pdf", "interp", "--pdf.where", "mag_i > 21.5")),
                (2, r"--where.*mag_j", ("--where", "mag_j < 20")),
                (2, r"--where.*z_phot", ("--where", "z_phot < 1")),
                (2, r"--pdf.where.*place|--pdf.where.*character|--pdf.where", ("--pdf", "interp", "--pdf.where", "mag_i <")),
                (2, r"--pdf.where", ("--pdf.where", "mag_i < 20"))):
            with self.subTest(words=words):
                result = self.photoz(self.path("x.h5"), *words, run=self.run_skyfold)
                self.assertEqual(result.code, code, result)
                self.assertRegex(result.errors()[0], message)
                self.assertFalse(pathlib.Path(self.path("x.h5")).exists())
                shutil.rmtree(self.path("x.h5.run"), ignore_errors=True)


class Import(support.SkyfoldTest):
    """import --where: the rows that numpy chooses, and nothing of the others."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(8)
        n = 3000
        self.columns = {"id": np.arange(n) + 5, "ra": rng.uniform(0, 360, n), "dec": rng.uniform(-90, 90, n), "mag": rng.uniform(18, 25, n),
                        "primary": (rng.uniform(size=n) < 0.6).astype(int), "tile": np.where(np.arange(n) % 2, b"a", b"b")}
        self.chosen = (self.columns["primary"] == 1) & (self.columns["mag"] < 23)
        out = np.flatnonzero(~self.chosen & (self.columns["primary"] == 0))
        self.columns["dec"][out[0]] = 91.0           # no position
        self.columns["id"][out[1]] = self.columns["id"][out[2]]  # the id of another row that is left out
        self.words = ["import", "--where", "primary == 1 and mag < 23", "--output", self.path("c.h5"), "--input"]

    def test_the_rows_are_those_of_numpy(self):
        tables = [support.make_fits(self.path("t.fits"), self.columns), support.make_csv(self.path("t.csv"), self.columns)]
        for table in tables:
            for ordering, ranks in (("healpix", 3), ("tile", 1), ("attribute", 2), ("none", 0)):
                with self.subTest(table=table, ordering=ordering):
                    more = ["--ordering.column", "mag"] if ordering == "attribute" else []
                    done = self.skyfold(*self.words, table, "--ordering", ordering, *more, "--fresh", ranks=ranks)
                    self.assertIn(f"left out {3000 - self.chosen.sum():,} rows by --where", done.out)
                    found = support.read_group(self.path("c.h5"))
                    order = np.argsort(found["id"])
                    for name in ("id", "ra", "dec", "mag"):
                        np.testing.assert_array_equal(found[name][order], self.columns[name][self.chosen], name)

    def test_bad_cells_count_where_they_matter(self):
        lines = pathlib.Path(support.make_csv(self.path("t.csv"), self.columns)).read_text().splitlines()
        outside = int(np.flatnonzero(self.columns["primary"] == 0)[3])
        inside = int(np.flatnonzero(self.chosen)[3])
        for row, column, code, message in ((outside, 2, 0, ""), (outside, 4, 3, f"row {outside + 1}, column primary: 'odd'"),
                                           (inside, 2, 3, f"row {inside + 1}, column dec: 'odd'")):
            cells = lines[row + 1].split(",")
            cells[column] = "odd"
            pathlib.Path(self.path("b.csv")).write_text("\n".join([*lines[:row + 1], ",".join(cells), *lines[row + 2:]]) + "\n")
            done = self.run_skyfold(*self.words, self.path("b.csv"), "--fresh")
            self.assertEqual(done.code, code, done)
            self.assertIn(message, done.err)

    def test_conditions_that_choose_nothing_or_cannot_be_read(self):
        table = support.make_fits(self.path("t.fits"), self.columns)
        for where, code, message in (("mag > 99", 3, r"t.fits: no row is left to import \(--where 'mag > 99'\)"), ("magg > 1", 2, "magg"), ("mag >", 2, "--where")):
            done = self.run_skyfold("import", "--input", table, "--output", self.path("x.h5"), "--where", where)
            self.assertEqual((done.code, len(done.errors())), (code, 1), done)
            self.assertRegex(done.errors()[0], message)
            self.assertFalse(pathlib.Path(self.path("x.h5")).exists())


if __name__ == "__main__":
    support.main()
