"""Every command that takes a table takes any: the same numbers from a CSV file, FITS, HDF5 and a catalogue give the same product."""
import gzip
import json
import os
import pathlib
import sys
import unittest.mock

import h5py
import healpy
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import parquet_tools
import support
from support import make_csv, make_fits, make_hdf5, read_group

KINDS = ("csv", "fits", "hdf5", "catalogue")


class AnyTable(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(3)
        n = 400
        cls.objects = {"id": np.arange(n) + 10, "ra": rng.uniform(10, 12, n), "dec": rng.uniform(-1, 1, n), "z_spec": rng.uniform(0.1, 1, n)}
        for band in "gri":
            cls.objects["mag_" + band] = rng.uniform(19, 23, n)
            cls.objects["mag_err_" + band] = rng.uniform(0.01, 0.1, n)
        cls.objects["tile"] = np.where(cls.objects["ra"] < 11, b"west", b"east")

    def table(self, kind, columns, name="t"):
        """The columns as a file of one kind. A catalogue keeps the order of the rows."""
        path = self.folder / f"{name}-{kind}"
        if kind == "csv":
            return make_csv(path.with_suffix(".csv"), columns)
        if kind == "fits":
            return make_fits(path.with_suffix(".fits"), columns)
        if kind == "hdf5":
            return make_hdf5(path.with_suffix(".h5"), columns)
        catalogue = str(path) + ".cat.h5"
        self.skyfold("import", "--input", make_fits(str(path) + ".tmp.fits", columns), "--ordering", "none", "--output", catalogue)
        return catalogue

    def same_for_all_kinds(self, product_of):
        """`product_of(kind)` gives arrays by name; all kinds must give those of the first, which is returned."""
        first = product_of(KINDS[0])
        for kind in KINDS[1:]:
            with self.subTest(kind=kind):
                other = product_of(kind)
                for name in first:
                    np.testing.assert_array_equal(other[name], first[name], name)
        return first

    def test_surveys_of_spec(self):
        survey = {name: self.objects[name] for name in ("ra", "dec", "z_spec")} | {"q": np.arange(400) % 5}

        def product_of(kind):
            table = pathlib.Path(self.table(kind, survey, name="survey"))
            ini = pathlib.Path(self.path(f"{kind}.ini"))
            ini.write_text(f"name = S\nyear = 2020\nfile = {table.name}\n[columns]\nra = ra\ndec = dec\nz = z_spec\nquality = q\n"
                           "[quality]\nvalues = 4:4,3:3\n")
            self.skyfold("spec", "--surveys", ini, "--output", self.path(f"{kind}.spec.h5"))
            return read_group(self.path(f"{kind}.spec.h5"))
        self.assertEqual(len(self.same_for_all_kinds(product_of)["z"]), 160)

    def test_star_tables_and_zero_points_of_match(self):
        survey = {name: self.objects[name] for name in ("ra", "dec", "z_spec")}
        make_csv(self.path("s.csv"), survey)
        pathlib.Path(self.path("s.ini")).write_text("name = S\nyear = 2020\nfile = s.csv\n[columns]\nra = ra\ndec = dec\nz = z_spec\n"
                                                    "[quality]\ndefault = 4\n")
        self.skyfold("spec", "--surveys", self.path("s.ini"), "--output", self.path("s.h5"))
        catalogue = self.path("c.h5")
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), self.objects), "--output", catalogue)
        stars = {"id": self.objects["id"][::4], "x": np.arange(100.0)}
        offsets = {"tile": np.array([b"east", b"west"]), "g": np.array([0.1, 0.2]), "r": np.array([0.3, -0.1]), "i": np.array([0.0, 0.5])}

        def product_of(kind):
            output = self.path(f"{kind}.match.h5")
            self.skyfold("match", "--spec", self.path("s.h5"), "--catalogue", catalogue, "--output", output, "--match.star_table",
                         self.table(kind, stars, "stars"), "--match.star_cut", "x >= 50", "--match.zeropoint_table", self.table(kind, offsets, "zp"))
            return read_group(output)
        training = self.same_for_all_kinds(product_of)
        self.assertEqual(len(training["id"]), 350)
        row = np.searchsorted(self.objects["id"], training["id"])
        expected = self.objects["mag_r"][row] + np.where(self.objects["ra"][row] < 11, -0.1, 0.3)
        np.testing.assert_allclose(training["mag_r"], expected, atol=1e-12)

    def test_plain_spectroscopic_tables_of_match(self):
        catalogue = self.path("c.h5")
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), self.objects), "--output", catalogue)
        spectra = {"specobjid": self.objects["id"][::2] + 5000, "RAJ2000": self.objects["ra"][::2], "DEJ2000": self.objects["dec"][::2],
                   "redshift": self.objects["z_spec"][::2]}

        def words(kind, columns=spectra):
            return "match", "--spec", self.table(kind, columns, "spectra"), "--catalogue", catalogue, "--output", self.path(f"{kind}.h5")

        def product_of(kind):
            self.skyfold(*words(kind))
            product = read_group(self.path(f"{kind}.h5"))
            product.pop("survey")  # the file's name
            return product
        products = [product_of(kind) for kind in ("csv", "fits", "hdf5")]
        for other in products[1:]:
            for name, values in products[0].items():
                np.testing.assert_array_equal(other[name], values, name)
        found = products[0]
        self.assertEqual(sorted(found["spec_id"]), sorted(spectra["specobjid"]))
        np.testing.assert_array_equal(found["spec_id"], found["id"] + 5000)
        row = np.searchsorted(self.objects["id"], found["id"])
        for ours, theirs in (("spec_ra", "ra"), ("spec_dec", "dec"), ("z_spec", "z_spec")):
            np.testing.assert_array_equal(found[ours], self.objects[theirs][row])
        self.assertTrue(np.isnan(found["z_err"]).all() and (found["quality"] == 0).all() and (found["group_size"] == 1).all())
        for code, message, columns, more in (
                (3, r"row 3, column redshift: nan is no redshift", spectra | {"redshift": np.where(np.arange(200) == 2, np.nan, 0.5)}, ()),
                (3, r"row 4: ra = 10\.\d+, dec = 95 ", spectra | {"DEJ2000": np.where(np.arange(200) == 3, 95.0, spectra["DEJ2000"])}, ()),
                (2, r"no column of redshifts found \(name it with --spec.z\)", {k: spectra[k] for k in ("RAJ2000", "DEJ2000")}, ()),
                (2, r"no coordinates found \(name them with --spec.ra and --spec.dec\)", {"redshift": spectra["redshift"]}, ()),
                (2, r"no column 'redshit' \(named by --spec.z\), did you mean 'redshift'\?", spectra, ("--spec.z", "redshit"))):
            with self.subTest(message=message):
                result = self.run_skyfold(*words("fits", columns)[:-1], self.path("x.h5"), *more)
                self.assertEqual(result.code, code, result)
                self.assertRegex(result.errors()[0], message)
                self.assertFalse(pathlib.Path(self.path("x.h5")).exists())

    def test_products_as_spectroscopic_samples_of_match(self):
        known = np.arange(400) % 2 == 0
        catalogue, first, again = self.path("c.h5"), self.path("first.h5"), self.path("again.h5")
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), self.objects | {"z_spec": np.where(known, self.objects["z_spec"], np.nan)}),
                     "--output", catalogue)
        result = self.skyfold("match", "--spec", catalogue, "--catalogue", catalogue, "--output", first)
        self.assertRegex(result.err, "c.h5: 200 of 400 objects have a redshift in z_spec; the others are left out")
        found = read_group(first)
        np.testing.assert_array_equal(np.sort(found["id"]), self.objects["id"][known])
        np.testing.assert_array_equal(found["z_spec"], self.objects["z_spec"][found["id"] - 10])
        # A matched sample knows more of its redshifts than a table of another program.
        survey = {name: self.objects[name] for name in ("ra", "dec", "z_spec")} | {"e": np.linspace(0.01, 0.02, 400)}
        make_csv(self.path("s.csv"), survey)
        pathlib.Path(self.path("s.ini")).write_text("name = DEEP\nyear = 2020\nfile = s.csv\n[columns]\nra = ra\ndec = dec\nz = z_spec\nerror = e\n"
                                                    "[quality]\ndefault = 3\n")
        self.skyfold("spec", "--surveys", self.path("s.ini"), "--output", self.path("s.h5"))
        self.skyfold("match", "--spec", self.path("s.h5"), "--catalogue", catalogue, "--output", first, "--fresh")
        self.skyfold("match", "--spec", first, "--catalogue", catalogue, "--output", again, ranks=2)
        before, after = read_group(first), read_group(again)
        for name in ("id", "ra", "dec", "z_spec", "z_err", "quality", "survey", "class", "group_size", "mag_g"):
            np.testing.assert_array_equal(after[name], before[name], name)
        np.testing.assert_array_equal(after["spec_id"], before["id"])
        self.assertTrue((after["quality"] == 3).all() and (after["separation"] == 0).all())
        self.assertIn("s.h5", self.skyfold("products", "tree", again).out)   # through first.h5
        self.skyfold("train", "--calibrate", "none", "--sample", first, "--output", self.path("model.h5"), "--algorithms", "knn")
        for code, message, words in ((3, "model.h5: a product of class photoz_model, not a catalogue", ("--spec", self.path("model.h5"))),
                                     (2, "--spec.z has no part in this run", ("--spec", self.path("s.h5"), "--spec.z", "z"))):
            result = self.run_skyfold("match", "--catalogue", catalogue, "--output", self.path("x.h5"), *words)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.errors()[0], message)

    def test_how_small_tables_are_read(self):
        catalogue, spectra = self.path("c.h5"), self.path("spectra.h5")
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), self.objects), "--output", catalogue)
        self.skyfold("import", "--input", make_fits(self.path("s.fits"), {name: self.objects[name] for name in ("id", "ra", "dec", "z_spec")}),
                     "--output", spectra)
        pathlib.Path(self.path("bare.csv")).write_text("east;0.1;0.3;0.0\nwest;0.2;-0.1;0.5\n")
        words = ("match", "--spec", spectra, "--catalogue", catalogue, "--match.zeropoint_table", self.path("bare.csv"))
        self.assertEqual(self.run_skyfold(*words, "--output", self.path("x.h5")).code, 3)   # without names
        self.skyfold(*words, "--output", self.path("t.h5"), "--input.columns", "tile,g,r,i", "--input.delimiter", ";")
        training = read_group(self.path("t.h5"))
        row = np.searchsorted(self.objects["id"], training["id"])
        np.testing.assert_allclose(training["mag_i"], self.objects["mag_i"][row] + np.where(self.objects["ra"][row] < 11, 0.5, 0.0), atol=1e-12)
        # Estimates in the second table of a file.
        estimates = {"id": self.objects["id"], "z_phot": self.objects["z_spec"], "z_err": np.full(400, 0.02)}
        wrong = estimates | {"z_phot": np.full(400, 5.0)}
        with fits.open(make_fits(self.path("wrong.fits"), wrong)) as one, fits.open(make_fits(self.path("right.fits"), estimates)) as other:
            other[1].name = "ESTIMATES"
            fits.HDUList([one[0], one[1], other[1]]).writeto(self.path("z.fits"))
        self.skyfold("validate", "--sample", spectra, "--estimates", self.path("z.fits"), "--input.hdu", "ESTIMATES", "--output", self.path("v.h5"),
                     "--json", self.path("v.json"), "--bootstrap.realisations", 5)
        measured = json.loads(pathlib.Path(self.path("v.json")).read_text())["models"][0]["metrics"]["all"]
        self.assertEqual((measured["objects"], measured["mean_bias"]["value"]), (400, 0.0))

    def test_samples_and_references_of_train(self):
        reference = {name: values for name, values in self.objects.items() if name.startswith(("id", "mag"))}

        def product_of(kind):
            output = self.path(f"{kind}.model.h5")
            self.skyfold("train", "--calibrate", "none", "--sample", self.table(kind, self.objects), "--reference", self.table(kind, reference, "reference"),
                         "--output", output, "--weights", "lima", "--algorithms", "knn", "--train.subset", self.path(f"{kind}.training.h5"))
            training, coverage = read_group(self.path(f"{kind}.training.h5")), read_group(self.path(f"{kind}.model.coverage.h5"))
            return {name: training[name] for name in ("id", "weight", "mag_g", "z_spec")} | {"balls": coverage["n_balls"], "of": coverage["id"]}
        found = self.same_for_all_kinds(product_of)
        self.assertGreater(len(found["id"]), 100)

    def test_samples_and_estimates_of_validate(self):
        estimates = {"id": self.objects["id"][::-1], "z_phot": self.objects["z_spec"][::-1] + 0.01, "z_err": np.full(400, 0.02)}

        def product_of(kind):
            name = self.path(kind)
            self.skyfold("validate", "--sample", self.table(kind, self.objects), "--estimates", self.table(kind, estimates, "z"),
                         "--output", name + ".h5", "--json", name + ".json", "--bootstrap.realisations", 5)
            model = json.loads(pathlib.Path(name + ".json").read_text())["models"][0]
            return {"metrics": np.array(json.dumps(model["metrics"])), "bias": np.array(model["objects"])}
        self.same_for_all_kinds(product_of)

    def test_targets_of_locus(self):
        rng = np.random.default_rng(4)
        stars = {"id": np.arange(3000), "ra": rng.uniform(10, 11, 3000), "dec": rng.uniform(0, 1, 3000)}
        for band in "ugriz":
            stars["psfmag_" + band] = rng.uniform(14, 19, 3000)
        self.skyfold("import", "--input", make_fits(self.path("stars.fits"), stars), "--output", self.path("stars.h5"))
        targets = {name: values[:40] for name, values in stars.items()}

        def product_of(kind):
            output = self.path(f"{kind}.locus.h5")
            self.skyfold("locus", "--catalogue", self.path("stars.h5"), "--targets", self.table(kind, targets, "targets"), "--output", output,
                         "--targets.where", "r < 18")
            return read_group(output)
        self.assertEqual(sorted(self.same_for_all_kinds(product_of)["row"]), sorted(np.flatnonzero(targets["psfmag_r"] < 18)))

    def test_sources_of_patch(self):
        rng = np.random.default_rng(5)
        healpy.write_map(self.path("map.fits"), rng.normal(size=12 * 32**2), dtype=np.float64, coord="G", column_names=["I_STOKES"])
        sources = {"name": np.array([f"S{i:02d}" for i in range(30)], "S3"), "glon": rng.uniform(0, 360, 30), "glat": rng.uniform(-80, 80, 30)}

        def product_of(kind):
            output = self.path(f"{kind}.patch.h5")
            table = self.table(kind, sources, "sources") if kind != "catalogue" else self.catalogue_without_positions(sources)
            self.skyfold("patch", "--maps", self.path("map.fits"), "--sources", table, "--output", output, "--measure", "disc",
                         "--patch.radius", 300, "--channel.fwhm", 100, "--channel.frequency", 100)
            return read_group(output)
        self.same_for_all_kinds(product_of)

    def catalogue_without_positions(self, columns):
        """Galactic positions are no coordinates for import."""
        path = self.path("sources.cat.h5")
        self.skyfold("import", "--input", make_fits(self.path("sources.tmp.fits"), columns), "--ordering", "none", "--output", path)
        with h5py.File(path) as file:
            self.assertEqual(file.attrs["column_ra"], b"" if isinstance(file.attrs["column_ra"], bytes) else "")
        return path


class PlainCatalogues(support.SkyfoldTest):
    """Tables that are no catalogues, where a command goes through one: they give what import and the command give."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(6)
        n = 1500
        z = rng.uniform(0.1, 1, n)
        cls.objects = {"number": rng.permutation(n) + 100, "RAJ2000": rng.uniform(358, 362, n) % 360, "DEJ2000": rng.uniform(-2, 2, n)}
        for k, band in enumerate("gri"):
            cls.objects["mag_" + band] = 20 + 2 * z - 0.3 * k * z + rng.normal(0, 0.05, n)
            cls.objects["mag_err_" + band] = rng.uniform(0.01, 0.1, n)
        cls.objects["tile"] = np.where(cls.objects["RAJ2000"] < 180, b"east", b"west")
        cls.spectra = {"id": np.arange(n), "ra": cls.objects["RAJ2000"], "dec": cls.objects["DEJ2000"], "z_spec": z}
        cls.fits = make_fits(cls.base / "survey.fits", cls.objects)
        cls.gz = str(cls.base / "survey.fits.gz")
        pathlib.Path(cls.gz).write_bytes(gzip.compress(support.read_bytes(cls.fits)))
        sample = make_fits(cls.base / "sample.fits", cls.objects | {"z_spec": z})
        cls.model = str(cls.base / "model.h5")
        cls.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", cls.model, "--algorithms", "knn", "--id", "number")
        cls.catalogue = str(cls.base / "cat.h5")
        cls.skyfold("import", "--input", cls.fits, "--columns.id", "number", "--output", cls.catalogue)
        cls.truth = str(cls.base / "z.h5")
        cls.skyfold("photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", cls.truth)

    @staticmethod
    def content(path):
        with h5py.File(path) as file:
            return file.attrs["fingerprint"]

    def photoz(self, table, output, *words):
        return ("photoz", "--catalogue", table, "--model", self.model, "--output", output, "--catalogue.id", "number", *words)

    def test_photoz_of_any_table_on_any_ranks(self):
        tables = (self.fits, make_csv(self.path("t.csv"), self.objects), make_hdf5(self.path("t.hdf5"), self.objects), self.gz)
        for ranks, table in enumerate(tables, 1):
            with self.subTest(table=table):
                output, copy = self.path(f"z{ranks}.h5"), self.path(f"z{ranks}.catalogue.h5")
                result = self.skyfold(*self.photoz(table, output, "--fits", self.path(f"z{ranks}.fits")), ranks=ranks)
                self.assertRegex(result.err, rf"(?m)^{table} is no catalogue: ordered copy {copy} made .1,500 rows, [0-9.]+ s.; import once")
                self.assertEqual(self.content(output), self.content(self.truth))
                self.assertEqual(self.content(copy), self.content(self.catalogue))
                made = os.stat(copy).st_mtime_ns
                self.assertIn("nothing to do", self.skyfold(*self.photoz(table, output, "--fits", self.path(f"z{ranks}.fits"))).err)
                self.assertIn("using " + copy, self.skyfold(*self.photoz(table, output, "--fresh")).err)
                self.assertEqual(os.stat(copy).st_mtime_ns, made)

    def test_photoz_of_parquet_files_and_hats_catalogues(self):
        parquet_tools.require(support.binary())
        for ranks, form in ((1, "parquet"), (2, "hats")):
            with self.subTest(form=form):
                table, output = self.path(f"t.{form}"), self.path(f"{form}.h5")
                self.skyfold("export", "--product", self.catalogue, "--format", form, "--output", table)
                self.skyfold(*self.photoz(table, output), ranks=ranks)
                for name, column in read_group(self.truth).items():
                    np.testing.assert_array_equal(read_group(output)[name], column, name)

    def killed_at(self, point, words, ranks):
        with unittest.mock.patch.dict(os.environ, SKYFOLD_DIE_AT=point):
            self.assertNotEqual(self.run_skyfold(*words, ranks=ranks).code, 0)
        self.assertFalse(pathlib.Path(words[words.index("--output") + 1]).exists(), point)

    def test_kills_while_the_copy_is_made_and_after(self):
        # Of the copy, then of the product.
        for ranks, table, points in ((2, self.fits, ("made catalogue", "publishing", "made products", "publishing")),
                                     (3, self.gz, ("made splitters", "made products"))):
            with self.subTest(table=table):
                output = self.path(f"killed{ranks}.h5")
                words = self.photoz(table, output)
                for point in points:
                    self.killed_at(point, words, ranks)
                self.skyfold(*words, ranks=ranks - 1)
                self.assertEqual(self.content(output), self.content(self.truth))

    def test_a_table_that_changes_is_never_used_as_it_was(self):
        rows = np.arange(1500) >= 700
        table, output = make_fits(self.path("t.fits"), self.objects), self.path("z.h5")
        words = self.photoz(table, output)
        self.skyfold(*words)
        changed = {name: values[rows] for name, values in self.objects.items()}
        make_fits(table, changed)
        self.assertIn("ordered copy", self.skyfold(*words).err)
        self.assertEqual(sorted(read_group(output)["number"]), sorted(changed["number"]))
        self.killed_at_fresh(words, output)
        make_fits(table, self.objects)
        refused = self.run_skyfold(*words)
        self.assertEqual(refused.code, 3, refused)
        self.assertRegex(refused.errors()[0], "t.fits: changed since the unfinished run of .*z.h5 began: start over with --fresh")
        self.skyfold(*words, "--fresh")
        self.assertEqual(self.content(output), self.content(self.truth))
        # Read otherwise: other ids.
        other = [word for word in words if word not in ("--catalogue.id", "number")]
        self.skyfold(*other, "--catalogue.id=none")
        self.assertEqual(sorted(read_group(output)["id"]), list(range(1500)))

    def killed_at_fresh(self, words, output):
        with unittest.mock.patch.dict(os.environ, SKYFOLD_DIE_AT="made products"):
            self.assertNotEqual(self.run_skyfold(*words, "--fresh").code, 0)
        self.assertTrue(pathlib.Path(output + ".run").exists())

    def test_orders_that_the_partitions_need(self):
        said = self.skyfold("plan", "--catalogue", self.catalogue, "--input.hdu", 2).err
        self.assertIn("input.* has no part in reading", said)
        for order, words, partition in (("tile", (), ("--partition.by", "tile")),
                                        ("attribute", ("--ordering.column", "mag_r"), ("--partition.by", "attribute", "--partition.column", "mag_r"))):
            with self.subTest(order=order):
                catalogue = self.path(order + ".cat.h5")
                self.skyfold("import", "--input", self.fits, "--columns.id", "number", "--ordering", order, *words, "--output", catalogue)
                outputs = self.path(order + ".z.h5"), self.path(order + ".plain.h5")
                self.skyfold("photoz", "--catalogue", catalogue, "--model", self.model, "--output", outputs[0], *partition)
                self.skyfold(*self.photoz(self.fits, outputs[1], *partition))
                self.assertEqual(self.content(outputs[0]), self.content(outputs[1]))

    def test_tables_without_positions(self):
        bare = {name: values for name, values in self.objects.items() if "J2000" not in name}
        table = make_csv(self.path("bare.csv"), bare)
        result = self.skyfold(*self.photoz(table, self.path("z.h5")))
        self.assertIn("no coordinates found (catalogue.ra and catalogue.dec name them): rows stay in their order", result.err)
        found, truth = read_group(self.path("z.h5")), read_group(self.truth)
        np.testing.assert_array_equal(found["number"], bare["number"])
        by_number = np.argsort(truth["number"])[np.argsort(np.argsort(found["number"]))]
        np.testing.assert_array_equal(found["z_phot"], truth["z_phot"][by_number])
        for words in (self.photoz(table, self.path("x.h5"), "--partition.by", "adaptive"), ("plan", "--catalogue", table, "--partition.by", "tile"),
                      ("match", "--catalogue", table, "--spec", self.base / "sample.fits", "--output", self.path("x.h5")),
                      self.photoz(table, self.path("x.h5"), "--catalogue.ra", "mag_g")):
            result = self.run_skyfold(*words)
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.errors()[0], r"bare.csv: no coordinates found \(name them with --catalogue.ra and --catalogue.dec")
        self.assertEqual([path.name for path in self.folder.glob("x*")], [])

    def test_what_is_wrong_is_told_and_leaves_nothing(self):
        bad = make_fits(self.path("bad.fits"), self.objects | {"DEJ2000": np.where(np.arange(1500) == 41, 95.0, 0.0)})
        twice = make_fits(self.path("twice.fits"), self.objects | {"number": np.arange(1500) // 2})
        pathlib.Path(self.path("mine.catalogue.h5")).write_text("mine")
        pathlib.Path(self.path("list.lst")).write_text("bad.fits\n")
        for code, message, words in (
                (3, "bad.fits, row 42, column DEJ2000: 95 is outside -90 to 90", self.photoz(bad, self.path("x.h5"))),
                (3, "twice.fits, row 2, column number: the id occurs before", self.photoz(twice, self.path("x.h5"))),
                (2, "no column 'nummer' .named by --catalogue.id.. did you mean 'number'", ("photoz", "--catalogue", self.fits, "--model", self.model,
                                                                                         "--output", self.path("x.h5"), "--catalogue.id", "nummer")),
                (2, "no column 'MAG_G'|no column 'MAG_g'", self.photoz(self.fits, self.path("x.h5"), "--bands.magnitude", "MAG_{band}")),
                (2, "--catalogue.id has no part in this run", self.photoz(self.catalogue, self.path("x.h5"))),
                (2, "--catalogue.ra has no part in this run .it needs --catalogue.", ("rehearse", "--survey.rows", 100, "--cost.compute", 5, "--catalogue.ra", "x")),
                (2, "list.lst: is a list of files", self.photoz(self.path("list.lst"), self.path("x.h5"))),
                (3, "model.h5: a product of class photoz_model, not a catalogue", ("plan", "--catalogue", self.model)),
                (4, "is FITS by its first bytes .input.format = csv.", self.photoz(self.fits, self.path("x.h5"), "--input.format", "csv")),
                (4, "mine.catalogue.h5: is there, and is no ordered copy", self.photoz(self.fits, self.path("mine.h5"))),
                (4, "nothing.fits: no such file", ("rehearse", "--catalogue", self.path("nothing.fits"), "--cost.compute", 5))):
            with self.subTest(message=message):
                result = self.run_skyfold(*words)
                self.assertEqual(result.code, code, result)
                self.assertRegex(result.errors()[0], message)
        self.assertEqual([path.name for path in self.folder.glob("x*")], [])
        self.assertEqual(pathlib.Path(self.path("mine.catalogue.h5")).read_text(), "mine")

    def test_catalogues_of_match_and_locus(self):
        spectra = make_csv(self.path("spectra.csv"), self.spectra)
        stars = self.objects | {"psfmag_" + band: np.linspace(14, 19, 1500) for band in "ugriz"}
        table = make_hdf5(self.path("stars.hdf5"), stars)
        self.skyfold("import", "--input", table, "--output", self.path("stars.h5"))
        for name, words in (("match", ("--spec", spectra)), ("locus", ("--traverse", "--targets.where", "psfmag_r < 15", "--locus.fov_ra", 20))):
            outputs = self.path(name + "1.h5"), self.path(name + "2.h5")
            catalogue, plain = (self.catalogue, self.gz) if name == "match" else (self.path("stars.h5"), table)
            self.skyfold(name, "--catalogue", catalogue, *words, "--output", outputs[0])
            column = ("--catalogue.id", "number") if name == "match" else ()
            self.killed_at("made catalogue", (name, "--catalogue", plain, *words, *column, "--output", outputs[1]), 2)
            self.skyfold(name, "--catalogue", plain, *words, *column, "--output", outputs[1], ranks=3)
            self.assertEqual(self.content(outputs[0]), self.content(outputs[1]), name)

    def test_plans_and_rehearsals(self):
        catalogues = {"tile": self.path("tile.h5"), "attribute": self.path("attribute.h5")}
        self.skyfold("import", "--input", self.fits, "--ordering", "tile", "--output", catalogues["tile"])
        self.skyfold("import", "--input", self.fits, "--ordering", "attribute", "--ordering.column", "mag_r", "--output", catalogues["attribute"])
        for words in ((), ("--partition.by", "healpix"), ("--partition.by", "rows", "--partition.rows", 70), ("--partition.rows", 50),
                      ("--partition.by", "tile"), ("--partition.by", "attribute", "--partition.column", "mag_r")):
            with self.subTest(words=words):
                catalogue = catalogues.get(words[1] if words else "", self.catalogue)
                plans = [json.loads(self.skyfold("plan", "--catalogue", path, "--ranks", 3, "--list", "--json", *words).out)
                         for path in (catalogue, self.gz)]
                for plan in plans:
                    del plan["catalogue"], plan["memory_per_job_mb"]   # ids were made for some
                self.assertEqual(plans[0], plans[1])
                times = [self.skyfold("rehearse", "--catalogue", path, "--cost.compute", 5, "--ranks", 4, "--json", *words).out
                         for path in (catalogue, self.fits)]
                self.assertEqual(times[0], times[1])
        self.assertEqual(list(self.folder.glob("*.catalogue.h5")), [])


if __name__ == "__main__":
    support.main()
