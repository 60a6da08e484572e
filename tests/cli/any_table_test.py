"""Every command that takes a table takes any: the same numbers from a CSV file, FITS, HDF5 and a catalogue give the same product."""
import json
import pathlib
import sys

import h5py
import healpy
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
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

    def test_samples_and_references_of_train(self):
        reference = {name: values for name, values in self.objects.items() if name.startswith(("id", "mag"))}

        def product_of(kind):
            output = self.path(f"{kind}.model.h5")
            self.skyfold("train", "--sample", self.table(kind, self.objects), "--reference", self.table(kind, reference, "reference"),
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


if __name__ == "__main__":
    support.main()
