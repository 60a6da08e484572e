"""train: subsets, cuts, weights and models; and knn, from the training set to the PDFs."""
import json
import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np
from scipy.special import erf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

BANDS = "grizy"


def write_product(path, columns, product_class):
    """A table as skyfold's products have it."""
    with h5py.File(path, "w") as file:
        if product_class:
            file.attrs["product_class"] = product_class
        for name, values in columns.items():
            values = np.asarray(values)
            file.create_dataset(f"object/{name}", data=values.astype("S") if values.dtype.kind == "U" else values)
    return str(path)


def survey(n, seed, spread=0.0):
    """Galaxies whose colours follow their redshift, with sentinels in some bands."""
    random = np.random.default_rng(seed)
    z = np.abs(random.normal(0.6 + spread, 0.3, n)) + 0.01
    columns = {"id": np.arange(n) + 1000 * seed, "z_spec": z}
    brightness = 19 + 4 * random.random(n) + spread
    for b, band in enumerate(BANDS):
        columns[f"mag_{band}"] = brightness - 0.3 * b + 0.4 * np.sin(2 * z - 0.7 * b) + 0.05 * random.normal(size=n)
        columns[f"mag_err_{band}"] = 0.02 + 0.05 * random.random(n)
    return columns


class TrainTest(support.SkyfoldTest):
    def columns_of(self, path):
        return support.read_group(path)

    def attributes(self, path):
        with h5py.File(path) as file:
            return {name: value for name, value in file.attrs.items()}

    def mags(self, columns):
        return np.array([columns[f"mag_{band}"] for band in BANDS]).T


class Subsets(TrainTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.columns = survey(3000, 1)
        cls.columns["survey"] = np.array(["OzDES", "VIPERS", "zCOSMOS"])[np.arange(3000) % 3]
        cls.columns["separation"] = np.linspace(0, 1, 3000)
        cls.sample = write_product(cls.base / "sample.h5", cls.columns, "training_set")

    def train(self, name, *words, sample=None):
        self.skyfold("train", "--calibrate", "none", "--sample", sample or self.sample, "--output", self.path(name), "--threads", 1, *words)
        return self.path(name)

    def test_halves_are_the_default_and_share_no_object(self):
        self.train("m.h5", "--train.subset", self.path("t.h5"))
        training, held = self.columns_of(self.path("t.h5")), self.columns_of(self.path("m.validation.h5"))
        self.assertEqual(sorted([*training["id"], *held["id"]]), sorted(self.columns["id"]))
        self.assertLess(abs(len(held["id"]) - 1500), 5 * np.sqrt(750))

    def test_the_draw_does_not_depend_on_the_order_of_the_rows(self):
        order = np.random.default_rng(2).permutation(3000)
        shuffled = write_product(self.path("s.h5"), {k: v[order] for k, v in self.columns.items()}, "training_set")
        self.train("a.h5")
        self.train("b.h5", sample=shuffled)
        a, b = (self.columns_of(self.path(f"{name}.validation.h5"))["id"] for name in "ab")
        self.assertEqual(sorted(a), sorted(b))

    def test_held_out_objects_keep_all_columns(self):
        self.train("m.h5")
        held = self.columns_of(self.path("m.validation.h5"))
        self.assertEqual(sorted(held), sorted(self.columns))
        rows = held["id"] - 1000
        for name, values in self.columns.items():
            self.assertTrue(np.array_equal(held[name], values[rows].astype(held[name].dtype)), name)
        self.assertEqual(self.attributes(self.path("m.validation.h5"))["product_class"], "training_set")

    def test_cuts_are_what_they_say(self):
        self.train("m.h5", "--train.fraction", 1, "--train.subset", self.path("t.h5"), "--cuts.mag_max", 22, "--cuts.colour_min", -0.4,
                   "--cuts.colour_max", "0.9,2,2,2", "--cuts.select", "separation < 0.7 and survey != 'VIPERS'", "--cuts.z_max", 1.0)
        c = self.columns
        mag = self.mags(c)
        colour = mag[:, :-1] - mag[:, 1:]
        passes = ((c["z_spec"] <= 1) & (mag <= 22).all(1) & (colour >= -0.4).all(1) & (colour[:, 0] <= 0.9) & (c["separation"] < 0.7)
                  & (c["survey"] != "VIPERS"))
        self.assertEqual(sorted(self.columns_of(self.path("t.h5"))["id"]), sorted(c["id"][passes]))
        self.assertGreater(passes.sum(), 100)

    def test_ids_tell_objects_apart(self):
        def refused(message, *words, **columns):
            sample = write_product(self.path("bad.h5"), dict(self.columns, **columns), "")
            for algorithm in ("dnf", "knn"):
                result = self.run_skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("m.h5"), "--algorithms", algorithm, "--threads", 1, *words)
                self.assertEqual(result.code, 3, result)
                self.assertRegex(result.errors()[-1], message)
        message = r"bad.h5, column id: ids are not unique: {} of 3,000 rows have the id of another object, such as row {} that of row {}"
        refused(message.format("2,999", 2, 1), id=np.full(3000, 5))
        refused(message.format(1, 3000, 8), id=np.append(self.columns["id"][:-1], self.columns["id"][7]))
        refused(message.format(1, 3000, 8), "--train.fraction", 1, id=np.append(self.columns["id"][:-1], self.columns["id"][7]))

    def test_a_missing_id_is_told_with_its_own_file_and_row(self):
        columns = support.fits.getdata(support.sample("spec.fits"))
        names = ("id", "z_spec", "mag_g", "mag_r", "mag_i", "mag_z", "mag_err_g", "mag_err_r", "mag_err_i", "mag_err_z")
        paths = [self.path("a.fits"), self.path("b.fits")]
        for path, rows in zip(paths, (slice(0, 900), slice(900, 1800))):
            part = {name: np.array(columns[name][rows], columns[name].dtype.newbyteorder("=")) for name in names}
            if path == paths[1]:
                part["id"][6] = -1
            support.make_fits(path, part, nulls={"id": -1})
        self.skyfold("train", "--calibrate", "none", "--sample", paths[0], "--output", self.path("m.h5"))
        for words in (("train", "--calibrate", "none", "--sample", *paths, "--output", self.path("x.h5")),
                      ("validate", "--sample", *paths, "--models", self.path("m.h5"), "--output", self.path("v.h5"))):
            result = self.run_skyfold(*words)
            self.assertEqual(result.code, 3, result)
            self.assertIn(f"{paths[1]}, row 7, column id: no id", result.errors()[0])

    def test_an_object_may_occur_twice(self):
        twice = {name: np.concatenate([values, values[:100]]) for name, values in self.columns.items()}
        sample = write_product(self.path("twice.h5"), twice, "training_set")
        result = self.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("m.h5"), "--train.subset", self.path("t.h5"), "--threads", 1)
        self.assertIn("100 rows repeat an object that was there before", result.err)
        self.assertFalse(set(self.columns_of(self.path("t.h5"))["id"]) & set(self.columns_of(self.path("m.validation.h5"))["id"]))

    def test_a_draw_that_leaves_nothing_is_an_error(self):
        few = write_product(self.path("few.h5"), {name: values[:20] for name, values in self.columns.items()}, "training_set")
        for fraction, message in ((0.001, r"no object drawn for training \(of \d+, train.fraction = 0.001\)"), (0.9999, r"no object held out for validation")):
            for algorithm in ("dnf", "knn"):
                result = self.run_skyfold("train", "--calibrate", "none", "--sample", few, "--output", self.path("m.h5"), "--train.fraction", fraction, "--algorithms", algorithm)
                self.assertEqual(result.code, 3, result)
                self.assertRegex(result.errors()[-1], message)

    def test_a_column_of_ids_that_is_named_is_used_or_refused(self):
        named = write_product(self.path("named.h5"), dict(self.columns, name=np.array([f"a{i}" for i in range(3000)])), "")
        for name, code, message in (("name", 3, "column name is not a column of whole numbers"), ("nix", 2, r"no column 'nix' \(named by --id\)")):
            result = self.run_skyfold("train", "--calibrate", "none", "--sample", named, "--output", self.path("m.h5"), "--id", name)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.errors()[-1], message)
        self.skyfold("train", "--calibrate", "none", "--sample", named, "--output", self.path("m.h5"), "--id", "none")
        self.assertLess(min(self.columns_of(self.path("m.validation.h5"))["id"]), 1000)   # row numbers: the ids begin there

    def test_products_of_other_classes_are_refused(self):
        other = write_product(self.path("z.h5"), self.columns, "photoz")
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", other, "--output", self.path("m.h5"))
        self.assertEqual(result.code, 3, str(result))
        self.assertRegex(result.errors()[-1], r"z\.h5.*class photoz, but --sample takes .*training_set")
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", self.sample, "--reference", other, "--output", self.path("m.h5"))
        self.assertEqual(result.code, 3, str(result))

    def test_wrong_options_are_one_line(self):
        for words, message in [(["--weights", "lima"], "needs --reference"), (["--algorithms", "knn,knn"], "names knn twice"),
                               (["--cuts.colour_max", "1,2"], "2 values for 4 colours"),
                               (["--knn.features", "q", "--algorithms", "knn"], "'q' is not a feature"),
                               (["--cuts.select", "nothing < 3"], "nothing"), (["--cuts.error_max", "nan"], "cuts.error_max = nan (must be in"),
                               (["--cuts.mag_max", "22,nan,22,22,22"], "cuts.mag_max = nan (must be in"),
                               (["--bands.missing", "nan"], "bands.missing = nan (must be a finite number)"),
                               (["--bands.magnitude", "mag_g", "--bands", "g,r"], "column mag_g is that of two bands"),
                               (["--weights.sample", self.path("w.h5")], "needs --weights")]:
            with self.subTest(message):
                result = self.run_skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"), *words)
                self.assertEqual(result.code, 2, str(result))
                self.assertIn(message, result.errors()[-1])


class Models(TrainTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.columns = survey(2500, 3)
        cls.sample = write_product(cls.base / "sample.h5", cls.columns, "training_set")

    def content(self, path):
        with h5py.File(path) as file:
            return {f"{group}/{name}": data[...].tobytes() for group, item in file.items() for name, data in item.items()}

    def test_several_algorithms_give_the_models_that_each_gives_alone(self):
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"), "--algorithms", "dnf,knn")
        for name in ("dnf", "knn"):
            self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path(f"{name}.h5"), "--algorithms", name)
            self.assertEqual(self.content(self.path(f"m.{name}.h5")), self.content(self.path(f"{name}.h5")))
        self.assertFalse(pathlib.Path(self.path("m.h5")).exists())

    def test_threads_do_not_change_a_model(self):
        for threads in (1, 3):
            self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path(f"m{threads}.h5"), "--algorithms", "knn", "--threads", threads)
        self.assertEqual(support.read_bytes(self.path("m1.h5")), support.read_bytes(self.path("m3.h5")))

    def test_features_are_standardised_as_numpy_does(self):
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"), "--algorithms", "knn", "--train.subset", self.path("t.h5"))
        mag = self.mags(self.columns_of(self.path("t.h5")))
        features = np.column_stack([mag[:, :-1] - mag[:, 1:], mag[:, 2]])
        with h5py.File(self.path("m.h5")) as model:
            np.testing.assert_allclose(model["features/mean"], features.mean(0), rtol=1e-12)
            np.testing.assert_allclose(model["features/deviation"], features.std(0, ddof=1), rtol=1e-12)
            np.testing.assert_allclose(model["training/feature"], (features - features.mean(0)) / features.std(0, ddof=1), atol=1e-11)

    def test_a_model_says_where_it_comes_from(self):
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"), "--cuts.mag_max", 22.5)
        attributes = self.attributes(self.path("m.h5"))
        self.assertEqual(attributes["product_class"], "photoz_model")
        self.assertEqual(attributes["format_version"], "2")
        self.assertIn("mag_max = 22.5", attributes["record.cuts"])
        self.assertIn("dnf.neighbours = 80", attributes["record.configuration"])
        self.assertRegex(attributes["record.training_hash"], "^[0-9a-f]{16}$")

    def test_models_of_the_first_format_are_refused(self):
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"))
        with h5py.File(self.path("m.h5"), "r+") as file:
            file.attrs["format_version"] = "1"
        self.skyfold("mock", "--objects", 100, "--output", self.path("c.h5"))
        result = self.run_skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path("m.h5"), "--output", self.path("z.h5"))
        self.assertEqual(result.code, 3, str(result))
        self.assertRegex(result.errors()[-1], "format 1 .*train it again")

    def test_too_few_objects_to_choose_parameters(self):
        few = write_product(self.path("few.h5"), {k: v[:30] for k, v in self.columns.items()}, "training_set")
        words = ["train", "--calibrate", "none", "--sample", few, "--output", self.path("m.h5"), "--algorithms", "knn", "--train.fraction", 1]
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, 3, str(result))
        self.assertIn("30 objects", result.errors()[-1])
        self.skyfold(*words, "--knn.neighbours", 5, "--knn.sigma", 0.05)


class Weights(TrainTest):
    """Against the definition, in numpy."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.training, cls.reference = survey(800, 5), survey(4000, 6, spread=0.3)
        cls.reference["mag_z"][::50] = -99.0
        cls.reference["mag_g"][::70] = 99.0
        cls.sample = write_product(cls.base / "sample.h5", cls.training, "training_set")
        cls.catalogue = write_product(cls.base / "reference.h5", cls.reference, "")
        cls.words = ["train", "--calibrate", "none", "--sample", cls.sample, "--reference", cls.catalogue, "--weights", "lima", "--train.fraction", 1,
                     "--cuts.z_max", 10, "--bands.limits", "26,26,26,26,26", "--algorithms", "knn", "--knn.neighbours", 7, "--knn.sigma", 0.02]
        cls.result = cls.skyfold(*cls.words, "--output", cls.base / "m.h5", "--weights.sample", cls.base / "w.h5", "--weights.target", 20000,
                                 "--threads", 2)

    def space(self, columns):
        mag = self.mags({k: np.array(v, dtype=float) for k, v in columns.items()})
        mag[mag == 99.0] = 26.0
        mag[mag == -99.0] = np.nan
        g, r, i, z, _ = mag.T
        return np.column_stack([i, g - r, r - i, i - z])

    def direct(self):
        train, photometric = self.space(self.training), self.space(self.reference)
        d2 = ((train[:, None] - train[None]) ** 2).sum(2)
        radius2 = np.sort(d2, axis=1)[:, 5]      # place 0 is the object itself
        with np.errstate(invalid="ignore"):
            inside = ((train[:, None] - photometric[None]) ** 2).sum(2) <= radius2[:, None]
        return inside.sum(1), np.where(np.isnan(photometric).any(1), -1, inside.sum(0))

    def test_weights_and_coverage_are_the_definition(self):
        counts, balls = self.direct()
        training, coverage = self.columns_of(self.base / "m.training.h5"), self.columns_of(self.base / "m.coverage.h5")
        np.testing.assert_array_equal(training["id"], self.training["id"])
        np.testing.assert_allclose(training["weight"], counts / counts.sum(), rtol=1e-12)
        np.testing.assert_array_equal(coverage["id"], self.reference["id"])
        np.testing.assert_array_equal(coverage["n_balls"], balls)
        covered = 100 * (balls > 0).sum() / (balls >= 0).sum()
        self.assertIn(f"{covered:.1f} % of those with all of i,g-r,r-i,i-z inside", self.result.out)

    def test_held_out_objects_are_weighted_for_themselves(self):
        words = [0.5 if word == 1 else word for word in self.words]
        result = self.skyfold(*words, "--weights.validation", "--output", self.path("m.h5"))
        held_out = self.columns_of(self.path("m.validation.h5"))
        objects, photometric = self.space(held_out), self.space(self.reference)
        radius2 = np.sort(((objects[:, None] - objects[None]) ** 2).sum(2), axis=1)[:, 5]
        with np.errstate(invalid="ignore"):
            counts = (((objects[:, None] - photometric[None]) ** 2).sum(2) <= radius2[:, None]).sum(1)
        self.assertTrue(300 < len(counts) < 500)
        np.testing.assert_allclose(held_out["weight"], counts / counts.sum(), rtol=1e-12)
        # The training objects' own are what they are without.
        self.skyfold(*words, "--output", self.path("n.h5"))
        np.testing.assert_array_equal(self.columns_of(self.path("m.training.h5"))["weight"], self.columns_of(self.path("n.training.h5"))["weight"])
        self.assertNotIn("weight", self.columns_of(self.path("n.validation.h5")))
        measured = self.skyfold("validate", "--models", self.path("m.h5"), "--sample", self.path("m.validation.h5"), "--output", self.path("v.h5")).out
        self.assertNotEqual(measured, self.skyfold("validate", "--models", self.path("m.h5"), "--sample", self.path("m.validation.h5"), "--weight", "none",
                                                   "--output", self.path("v.h5")).out)
        self.assertIn("held out, weighted", pathlib.Path(self.path("m.html")).read_text())
        for wrong, message in ((self.words, "no objects are held out"), (["none" if word == "lima" else word for word in words], "--weights.validation needs --weights lima")):
            done = self.run_skyfold(*wrong, "--weights.validation", "--output", self.path("x.h5"))
            self.assertEqual((done.code, len(done.errors())), (2, 1), done)
            self.assertIn(message, done.errors()[0])

    def test_a_weighted_sample_without_objects_is_an_error(self):
        result = self.run_skyfold(*self.words, "--output", self.path("m.h5"), "--weights.sample", self.path("w.h5"), "--weights.target", 1e-9)
        self.assertEqual(result.code, 3, result)
        self.assertRegex(result.errors()[-1], r"no copy drawn for the weighted sample \(of 800 objects, weights.target = 1e-09\)")
        self.assertFalse(pathlib.Path(self.path("m.h5")).exists())

    def test_weights_reach_the_model(self):
        counts, _ = self.direct()
        with h5py.File(self.base / "m.h5") as model:
            self.assertEqual(model.attrs["record.weights"], "lima")
            kept = counts[counts > 0]
            np.testing.assert_allclose(model["training/weight"], kept / kept.mean(), rtol=1e-12)

    def test_threads_and_order_do_not_matter(self):
        order = np.random.default_rng(7).permutation(4000)
        shuffled = write_product(self.path("r.h5"), {k: v[order] for k, v in self.reference.items()}, "")
        words = [shuffled if word == self.catalogue else word for word in self.words]
        self.skyfold(*words, "--output", self.path("m.h5"), "--threads", 1)
        ours, theirs = self.columns_of(self.path("m.training.h5")), self.columns_of(self.base / "m.training.h5")
        np.testing.assert_array_equal(ours["weight"], theirs["weight"])

    def test_a_comparison_that_was_killed_goes_on_if_nothing_has_changed(self):
        parts = [write_product(self.path(f"r{k}.h5"), {name: values[k::3] for name, values in self.reference.items()}, "") for k in range(3)]
        words = [word for word in self.words if word != self.catalogue]
        words[words.index("--reference") + 1:words.index("--reference") + 1] = parts
        products = lambda name: [self.path(f"{name}{end}.h5") for end in ("", ".training", ".coverage")]
        whole = lambda name, *more: [*words, "--output", products(name)[0], "--weights.coverage", products(name)[2], *more]
        for number, more in enumerate(((), ("--weights.neighbours", 7))):
            with self.subTest(more=more):
                self.skyfold(*whole(f"reference{number}", *more))
                output = products(f"k{number}")
                killed = subprocess.run([support._binary[0], *map(str, whole(f"k{number}"))],
                                        env=dict(support.environment(self.base), SKYFOLD_DIE_AT="reference part 2"), capture_output=True)
                self.assertEqual(killed.returncode, -9)
                self.assertEqual([path for path in output if os.path.exists(path)], [])
                result = self.skyfold(*whole(f"k{number}", *more))
                self.assertEqual("went on from an earlier attempt, 2,667 of 4,000 objects" in result.err, not more, result)
                self.assertEqual([support.read_bytes(path) for path in output], [support.read_bytes(path) for path in products(f"reference{number}")])
                self.assertFalse(os.path.exists(output[0] + ".run"))

    def test_a_weighted_sample_looks_like_its_weights(self):
        counts, _ = self.direct()
        sample = self.columns_of(self.base / "w.h5")
        copies = np.bincount(sample["id"] - self.training["id"][0], minlength=800)
        wanted = 20000 * counts / counts.sum()
        self.assertTrue((copies >= np.floor(wanted)).all() and (copies <= np.floor(wanted) + 1).all())
        self.assertLess(abs(len(sample["id"]) - 20000), 5 * np.sqrt(200))
        row = sample["id"] - self.training["id"][0]
        pull = (sample["mag_r"] - self.training["mag_r"][row]) / self.training["mag_err_r"][row]
        self.assertLess(abs(pull.mean()), 0.04)
        self.assertLess(abs(pull.std() - 1), 0.03)
        self.assertEqual(len(set(zip(sample["id"], sample["copy"]))), len(sample["id"]))


class Pdfs(TrainTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue = str(cls.base / "survey.h5")
        cls.skyfold("mock", "--objects", 20_000, "--seed", 8, "--spectroscopic", 0.1, "--output", cls.catalogue, "--threads", 1)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.base / "survey.spec.h5", "--output", cls.base / "m.h5", "--algorithms", "knn,dnf", "--threads", 1)
        cls.words = ["photoz", "--catalogue", cls.catalogue, "--model", cls.base / "m.knn.h5", "--output"]

    def test_knn_gives_the_same_bytes_on_any_ranks(self):
        for pdf in ("mixmod", "interp"):
            self.skyfold(*self.words, self.path("r.h5"), "--pdf", pdf, "--threads", 1)
            for ranks, threads, options in [(1, 2, "--farm.block_rows 137"), (2, 1, "--partition.rows 3000"),
                                            (3, 2, "--partition.by rows --partition.rows 997"),
                                            (4, 1, "--partition.by healpix --partition.nside 64 --partitions-per-job 5")]:
                with self.subTest(pdf=pdf, ranks=ranks):
                    self.skyfold(*self.words, self.path("z.h5"), "--pdf", pdf, "--threads", threads, *options.split(), ranks=ranks)
                    for ending in (".h5", ".pdf.hdf5"):
                        self.assertTrue(support.read_bytes(self.path("z" + ending)) == support.read_bytes(self.path("r" + ending)), ending)

    def test_mixtures_have_the_layout_of_qp(self):
        self.skyfold(*self.words, self.path("z.h5"), "--pdf", "mixmod", "--threads", 1)
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            self.assertEqual(sorted(file["data"]), ["means", "stds", "weights"])
            self.assertEqual(file["meta/pdf_name"][0], b"mixmod")
            self.assertEqual(file["meta/pdf_version"][0], 0)
            means, stds, weights = (file[f"data/{name}"][:].astype(float) for name in ("means", "stds", "weights"))
        z = self.columns_of(self.path("z.h5"))["z_phot"]
        ok = np.isfinite(z)
        self.assertEqual(means.shape, stds.shape)
        np.testing.assert_allclose(weights[ok].sum(1), 1, atol=1e-5)
        self.assertTrue((stds[ok] > 0).all())
        half = (weights * 0.5 * (1 + erf((z[:, None] - means) / stds / np.sqrt(2)))).sum(1)
        np.testing.assert_allclose(half[ok], 0.5, atol=2e-4)   # means are f4: z_phot is the median

    def test_mixtures_and_grids_are_the_same_pdfs(self):
        self.skyfold(*self.words, self.path("m.h5"), "--pdf", "mixmod", "--threads", 1)
        self.skyfold(*self.words, self.path("g.h5"), "--pdf", "interp", "--pdf.zmax", 4, "--pdf.bins", 2001, "--threads", 1)
        np.testing.assert_array_equal(self.columns_of(self.path("m.h5"))["z_phot"], self.columns_of(self.path("g.h5"))["z_phot"])
        with h5py.File(self.path("m.pdf.hdf5")) as m, h5py.File(self.path("g.pdf.hdf5")) as g:
            grid, pdfs = g["meta/xvals"][:].ravel(), g["data/yvals"]
            for row in range(0, 20_000, 400):
                mean, std, weight = (m[f"data/{name}"][row].astype(float)[:, None] for name in ("means", "stds", "weights"))
                density = (weight * np.exp(-0.5 * ((grid - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi))).sum(0)
                density /= np.trapz(density, grid)
                self.assertLess(np.trapz(np.abs(density - pdfs[row]), grid), 0.01)


class Calibration(TrainTest):
    """PDFs, errors and combinations of models, against numpy on the PDFs as the algorithms have them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sample, cls.test = (write_product(cls.base / f"{name}.h5", survey(n, seed), "training_set") for name, n, seed in (("s", 900, 3), ("t", 400, 4)))

    def trained(self, name, *words):
        return self.skyfold("train", "--sample", self.sample, "--output", self.path(name), "--train.fraction", 1, "--threads", 2, *words)

    def estimated(self, model):
        self.skyfold("import", "--input", self.test, "--ordering", "none", "--output", self.path("t.cat.h5"), "--threads", 1)
        self.skyfold("photoz", "--catalogue", self.path("t.cat.h5"), "--model", self.path(model), "--output", self.path("z.hdf5"), "--pdf", "interp",
                     "--pdf.zmin", 0, "--pdf.zmax", 2.5, "--pdf.bins", 1001, "--threads", 1)
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            return self.columns_of(self.path("z.hdf5")), file["meta/xvals"][:].ravel(), file["data/yvals"][:].astype(float)

    def below(self, grid, pdf):
        steps = 0.5 * (pdf[:, 1:] + pdf[:, :-1]) * np.diff(grid)
        return np.hstack([np.zeros((len(pdf), 1)), steps.cumsum(1)])

    def test_pdfs_are_those_of_the_algorithm_through_the_map_of_the_model(self):
        told = self.trained("c.h5", "--algorithms", "pofz")
        self.trained("n.h5", "--algorithms", "pofz", "--calibrate", "none")
        self.assertIn("PIT KS", told.out)
        with h5py.File(self.path("n.h5")) as plain, h5py.File(self.path("c.h5")) as model:
            self.assertNotIn("calibration", plain)
            level, pit, all_z, floor = (model[f"calibration/{name}"][:] for name in ("level", "pit", "all_z", "floor"))
            self.assertRegex(model.attrs["record.calibration"], "CDE loss .* -> .*, PIT KS .* -> ")
            shown = json.loads(self.skyfold("info", self.path("c.h5"), "--json").out)["calibration"]
            self.assertEqual((shown["told"], shown["floor"]), (model.attrs["record.calibration"], floor[0]))
            np.testing.assert_array_equal(shown["pit"], pit)
            np.testing.assert_array_equal(shown["all_z"], all_z)
            self.assertIn("calibration: " + shown["told"], self.skyfold("info", self.path("c.h5")).out)
        (_, grid, before), (row, _, after) = self.estimated("n.h5"), self.estimated("c.h5")
        mixed = (1 - floor[0]) * self.below(grid, before) + floor[0] * np.interp(grid, all_z, level)
        expected = np.interp(mixed, pit, level)
        self.assertLess(np.abs(self.below(grid, after) - expected).max(), 0.02)
        self.assertLess(np.abs(self.below(grid, after) - expected).mean(), 1e-3)
        low, high = (np.array([np.interp(p, f, grid) for f in expected]) for p in (0.158655, 0.841345))
        self.assertLess(np.median(np.abs(row["z_err"] - 0.5 * (high - low)) / row["z_err"]), 0.02)

    def test_threads_and_ranks_do_not_change_a_calibration(self):
        self.trained("a.h5", "--algorithms", "knn")
        self.skyfold("train", "--sample", self.sample, "--output", self.path("b.h5"), "--train.fraction", 1, "--threads", 1, "--algorithms", "knn", ranks=2)
        for table in ("calibration", "training"):
            a, b = support.read_group(self.path("a.h5"), table), support.read_group(self.path("b.h5"), table)
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])

    def test_an_error_that_is_not_of_the_pdf_gets_a_factor(self):
        self.trained("c.h5", "--algorithms", "dnf")
        self.trained("n.h5", "--algorithms", "dnf", "--calibrate", "none")
        with h5py.File(self.path("c.h5")) as model:
            scale = model["calibration/error_scale"][0]
        before, after = self.estimated("n.h5")[0], self.estimated("c.h5")[0]
        np.testing.assert_allclose(after["z_err"], scale * before["z_err"], rtol=1e-6)
        np.testing.assert_array_equal(after["z_phot"], before["z_phot"])
        truth = support.read_group(self.test)["z_spec"]
        self.assertLess(abs(np.mean(np.abs(after["z_phot"] - truth) <= after["z_err"]) - 0.683), 0.07)

    def test_a_small_set_is_told_and_stays_as_it_is(self):
        few = write_product(self.path("few.h5"), survey(150, 5), "training_set")
        told = self.skyfold("train", "--sample", few, "--output", self.path("m.h5"), "--train.fraction", 1, "--algorithms", "dnf", "--dnf.neighbours", 20)
        self.assertIn("not calibrated: 150 training objects (fewer than 200)", told.out)
        with h5py.File(self.path("m.h5")) as model:
            self.assertNotIn("calibration", model)

    def test_combined_pdfs_are_the_weighted_sum_of_those_of_the_members(self):
        for name in ("pofz", "cmnn"):
            self.trained(f"{name}.h5", "--algorithms", name, "--calibrate", "none")
        told = self.trained("c.h5", "--algorithms", "combine", "--combine.members", "pofz,cmnn", "--calibrate", "none")
        self.assertIn("together CDE loss", told.out)
        with h5py.File(self.path("c.h5")) as model:
            weights = dict(zip((name.decode().strip() for name in model["members/algorithm"][:]), model["members/weight"][:]))
        self.assertAlmostEqual(sum(weights.values()), 1, 12)
        self.assertEqual({m["algorithm"]: m["weight"] for m in json.loads(self.skyfold("info", self.path("c.h5"), "--json").out)["members"]}, weights)
        self.assertRegex(self.skyfold("info", self.path("c.h5")).out, r"members: pofz 0\.\d+ .*cmnn 0\.\d+ .*together CDE loss")
        weight = np.tile(list(weights.values()), (len(support.read_group(self.test)["mag_i"]), 1))
        with h5py.File(self.path("c.h5")) as model:
            if "member_bins" in model:
                bins = np.searchsorted(model["member_bins/up_to"][:], support.read_group(self.test)["mag_i"])
                weight = model["member_bins/weight"][:][bins]
        total = sum(weight[:, [k]] * self.estimated(f"{name}.h5")[2] for k, name in enumerate(weights))
        row, grid, combined = self.estimated("c.h5")
        np.testing.assert_allclose(combined, total, atol=1e-3 * total.max())
        median = np.array([np.interp(0.5, f, grid) for f in self.below(grid, combined)])
        np.testing.assert_allclose(row["z_phot"], median, atol=2e-3)

    def test_members_that_make_no_sense_are_refused(self):
        for members, message in (("combine", "names combine itself"), ("knn,knn", "names knn twice"), ("unheard", "unheard")):
            result = self.run_skyfold("train", "--sample", self.sample, "--output", self.path("x.h5"), "--algorithms", "combine", "--combine.members", members)
            self.assertEqual(result.code, 2, str(result))
            self.assertIn(message, result.errors()[-1])


class Quality(TrainTest):
    """On real and realistic data: better than the published nearest-neighbour estimate in every measure."""

    def test_dc2(self):
        training, test = support.shared("photoz/dc2/test_dc2_training_9816.hdf5"), support.shared("photoz/dc2/test_dc2_validation_9816.hdf5")
        result = self.skyfold("train", "--calibrate", "none", "--sample", training, "--output", self.path("m.h5"), "--algorithms", "knn", "--train.fraction", 1)
        self.assertNotIn("edge of the grid", result.err)
        self.skyfold("import", "--input", test, "--ordering", "none", "--output", self.path("c.h5"))
        self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path("m.h5"), "--output", self.path("z.h5"), "--pdf", "mixmod")
        z, truth = self.columns_of(self.path("z.h5"))["z_phot"], self.columns_of(self.path("c.h5"))["redshift"]
        with h5py.File(self.path("z.pdf.hdf5")) as file:
            means, stds, weights = (file[f"data/{name}"][:].astype(float) for name in ("means", "stds", "weights"))
        dz = (z - truth) / (1 + truth)
        normal = lambda x, sigma: np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
        at_truth = (weights * normal(truth[:, None] - means, stds)).sum(1)
        squared = (weights[:, :, None] * weights[:, None] * normal(means[:, :, None] - means[:, None], np.sqrt(2) * stds[:, :1, None])).sum((1, 2))
        pit = np.sort((weights * 0.5 * (1 + erf((truth[:, None] - means) / stds / np.sqrt(2)))).sum(1))
        n = len(pit)
        measures = {"NMAD": 1.4826 * np.median(np.abs(dz - np.median(dz))), "outliers": np.mean(np.abs(dz) > 0.15),
                    "CDE loss": (squared - 2 * at_truth).mean(),
                    "PIT KS": max((np.arange(1, n + 1) / n - pit).max(), (pit - np.arange(n) / n).max())}
        published = {"NMAD": 0.0251, "outliers": 0.032, "CDE loss": -6.07, "PIT KS": 0.072}
        print({name: round(float(value), 4) for name, value in measures.items()}, file=sys.stderr)
        for name, bound in published.items():
            self.assertLess(measures[name], bound, name)


if __name__ == "__main__":
    support.main()
