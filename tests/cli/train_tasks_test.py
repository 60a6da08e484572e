"""train in tasks: on ranks and threads, after kills and stops, and the estimates of objects by models that they did not train."""
import glob
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from train_test import survey, write_product

FOLDS = 4
LIMITS = ("--bands.limits", "26,26,26,26,26")
PLAIN = ("--knn.neighbours", 9, "--knn.sigma", 0.02)


def uniform(seed, ids, stream):
    """The first number of each object: Philox4x32-10 (Salmon et al. 2011) of (seed; 0, stream, id)."""
    ids = np.asarray(ids).astype(np.uint64)
    low = np.uint64(0xFFFFFFFF)
    counter = [np.zeros_like(ids), np.full_like(ids, stream), ids & low, ids >> np.uint64(32)]
    key = [seed, 0]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * counter[0], np.uint64(0xCD9E8D57) * counter[2]
        counter = [(b >> np.uint64(32)) ^ counter[1] ^ np.uint64(key[0]), b & low, (a >> np.uint64(32)) ^ counter[3] ^ np.uint64(key[1]), a & low]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return (((counter[0] << np.uint64(32)) | counter[1]) >> np.uint64(11)) * 2.0**-53


class TasksTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.columns = survey(900, 1)
        cls.columns["mag_g"][::40] = 99.0
        cls.columns["mag_z"][::50] = -99.0
        for values in cls.columns.values():
            values[::30] = values[7]                        # an object that occurs often
        cls.sample = write_product(cls.base / "sample.h5", cls.columns, "training_set")

    def words(self, name, *more, folds=FOLDS):
        return ["train", "--calibrate", "none", "--sample", self.sample, "--output", self.path(name), "--train.fraction", 1, *LIMITS, "--cuts.min_bands", 4,
                "--algorithms", "knn", *PLAIN, "--held_out.folds", folds, *more]

    def products(self, name):
        stem = self.path(name).removesuffix(".h5")
        return {path.removeprefix(stem): support.read_bytes(path) for path in glob.glob(stem + "*.h5") + glob.glob(stem + "*.hdf5")}

    def run_until(self, fault, *words, ranks=0):
        command = [*(support.mpirun(ranks) if ranks else []), support.binary(), *map(str, words)]
        return subprocess.run(command, env=dict(support.environment(self.base), SKYFOLD_DIE_AT=fault), capture_output=True, timeout=120)


class Layouts(TasksTest):
    def test_ranks_and_threads_do_not_matter(self):
        self.skyfold(*self.words("a.h5", "--threads", 1, "--pdf", "mixmod"))
        reference = self.products("a.h5")
        self.assertEqual(set(reference), {".h5", ".held_out.h5", ".held_out.pdf.hdf5"})
        for number, (ranks, threads) in enumerate(((0, 3), (1, 2), (2, 1), (3, 2), (4, 1))):
            with self.subTest(ranks=ranks, threads=threads):
                self.skyfold(*self.words(f"b{number}.h5", "--threads", threads, "--pdf", "mixmod"), ranks=ranks)
                self.assertEqual(self.products(f"b{number}.h5"), reference)
                self.assertFalse(os.path.exists(self.path(f"b{number}.h5.run")))

    def test_processes_that_are_started_without_mpi_leave_the_work_to_the_first(self):
        for number in (1, 0):       # as Slurm counts them
            done = subprocess.run([support.binary(), *map(str, self.words("m.h5"))], env=dict(support.environment(self.base), SLURM_PROCID=str(number)),
                                  capture_output=True, timeout=120)
            self.assertEqual((done.returncode, os.path.exists(self.path("m.h5"))), (0, number == 0), done)

    def test_an_error_of_one_task_is_one_line(self):
        few = write_product(self.path("few.h5"), survey(60, 3), "training_set")
        words = ["train", "--calibrate", "none", "--sample", few, "--output", self.path("m.h5"), "--train.fraction", 1, "--algorithms", "knn", "--held_out.folds", 2]
        for ranks in (0, 3):
            with self.subTest(ranks=ranks):
                result = self.run_skyfold(*words, ranks=ranks)
                self.assertEqual((result.code, len(result.errors())), (3, 1), result)
                self.assertRegex(result.errors()[0], r"knn without fold 1 of 2: the training set has \d+ objects .*knn needs at least 40")
                self.assertFalse(os.path.exists(self.path("m.h5")))
                self.assertFalse(os.path.exists(self.path("m.h5.run")))


class Kills(TasksTest):
    def test_a_killed_training_goes_on_with_what_is_done(self):
        self.skyfold(*self.words("a.h5", "--threads", 1))
        attempts = 0
        # Each attempt keeps one task and dies.
        while self.run_until("task 1", *self.words("k.h5", "--threads", 1)).returncode == -9:
            attempts += 1
            self.assertFalse(os.path.exists(self.path("k.h5")))
            self.assertLessEqual(attempts, FOLDS)
        self.assertEqual(attempts, FOLDS)
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))
        self.assertFalse(os.path.exists(self.path("k.h5.run")))

    def test_other_ranks_go_on_where_ranks_were_killed(self):
        self.skyfold(*self.words("a.h5"))
        self.assertNotEqual(self.run_until("task 1", *self.words("k.h5", "--threads", 1), ranks=3).returncode, 0)
        result = self.skyfold(*self.words("k.h5"), ranks=2)
        self.assertRegex(result.err, rf"knn folds: went on from an earlier attempt, [1-3] of {FOLDS} tasks were done")
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))

    def test_nothing_is_taken_over_by_another_training_or_a_fresh_one(self):
        for number, more in enumerate((("--knn.sigma", 0.03), ("--fresh",), ("--cuts.z_max", 1.0))):
            with self.subTest(more=more):
                words = [word for word in self.words(f"k{number}.h5", "--threads", 1) if more[0] != "--knn.sigma" or word not in ("--knn.sigma", 0.02)]
                self.assertEqual(self.run_until("task 2", *self.words(f"k{number}.h5", "--threads", 1)).returncode, -9)
                result = self.skyfold(*words, *more)
                self.assertNotIn("went on", result.err)
                self.skyfold(*[word if word != self.path(f"k{number}.h5") else self.path(f"r{number}.h5") for word in words], *more)
                self.assertEqual(self.products(f"k{number}.h5"), self.products(f"r{number}.h5"))

    def test_a_training_that_asks_for_more_takes_over_what_is_done(self):
        self.assertEqual(self.run_until("task 3", *self.words("k.h5", "--threads", 1)).returncode, -9)
        more = [word if word != "knn" else "dnf" for word in self.words("k.h5", "--train.subset", self.path("k.objects.h5"))]
        self.assertNotIn("went on", self.run_until("task 1", *more, "--threads", 1).stderr.decode())    # another algorithm
        more = self.words("k.h5", "--train.subset", self.path("k.objects.h5"))
        result = self.skyfold(*more)
        self.assertIn(f"knn folds: went on from an earlier attempt, 3 of {FOLDS} tasks were done", result.err)
        self.skyfold(*[str(word).replace("k.h5", "a.h5").replace("k.objects", "a.objects") for word in more])
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))

    def test_a_damaged_result_is_made_again(self):
        self.skyfold(*self.words("a.h5"))
        self.assertEqual(self.run_until("task 2", *self.words("k.h5", "--threads", 1)).returncode, -9)
        segment, = glob.glob(self.path("k.h5.run/parts/tasks/segment.*"))
        data = bytearray(support.read_bytes(segment))
        data[-5] ^= 1                                       # in the second result
        pathlib.Path(segment).write_bytes(data)
        result = self.skyfold(*self.words("k.h5"))
        self.assertIn(f"went on from an earlier attempt, 1 of {FOLDS} tasks were done", result.err)
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))

    def test_a_stop_keeps_what_is_done(self):
        choosing = lambda name: [word for word in self.words(name, "--threads", 1, folds=12) if word not in PLAIN]
        words = choosing("k.h5")
        process = subprocess.Popen([support.binary(), *map(str, words)], env=support.environment(self.base), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        # The first result is there: many are still to come.
        while process.poll() is None and not any(os.path.getsize(path) > 64 for path in glob.glob(self.path("k.h5.run/parts/tasks/segment.*"))):
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 75, err)
        self.assertRegex(err.decode().splitlines()[-1], "skyfold: stopped|stop")
        self.assertFalse(os.path.exists(self.path("k.h5")))
        result = self.skyfold(*words)
        self.assertIn("went on from an earlier attempt", result.err)
        self.skyfold(*choosing("a.h5"))
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))


class HeldOut(TasksTest):
    def test_each_object_is_estimated_by_a_model_without_its_fold(self):
        self.skyfold(*self.words("m.h5", "--pdf", "interp", "--pdf.zmax", 2.5, "--pdf.bins", 61))
        ours = support.read_group(self.path("m.held_out.h5"))
        np.testing.assert_array_equal(ours["id"], self.columns["id"])
        np.testing.assert_array_equal(ours["z_spec"], self.columns["z_spec"])
        self.assertEqual(set(ours["fold"]), set(range(FOLDS)))
        self.assertEqual(len(set(ours["fold"][::30])), 1)
        with h5py.File(self.path("m.held_out.pdf.hdf5")) as file:
            pdfs, grid = file["data/yvals"][...], file["meta/xvals"][0]
        np.testing.assert_allclose(grid, np.linspace(0, 2.5, 61), rtol=1e-12)
        for fold in (0, FOLDS - 1):
            inside = ours["fold"] == fold
            parts = {}
            first = np.zeros(len(inside), bool)                 # of each object, which a catalogue has once
            first[np.unique(ours["id"], return_index=True)[1]] = True
            for name, rows in (("others", ~inside), ("fold", inside & first)):
                parts[name] = write_product(self.path(f"{name}{fold}.h5"), {key: values[rows] for key, values in self.columns.items()}, "training_set")
            model = self.path(f"without{fold}.h5")
            self.skyfold("train", "--calibrate", "none", "--sample", parts["others"], "--output", model, "--train.fraction", 1, *LIMITS, "--cuts.min_bands", 4,
                         "--algorithms", "knn", *PLAIN)
            self.skyfold("import", "--input", parts["fold"], "--ordering", "none", "--output", self.path(f"c{fold}.h5"))
            self.skyfold("photoz", "--catalogue", self.path(f"c{fold}.h5"), "--model", model, "--output", self.path(f"z{fold}.h5"), "--pdf", "interp",
                         "--pdf.zmax", 2.5, "--pdf.bins", 61)
            theirs = support.read_group(self.path(f"z{fold}.h5"))
            for name in ("z_phot", "z_err", "flags", "nn_id", "d1", "n_bands"):
                np.testing.assert_array_equal(ours[name][inside & first], theirs[name], err_msg=name)
            with h5py.File(self.path(f"z{fold}.pdf.hdf5")) as file:
                np.testing.assert_array_equal(pdfs[inside & first], file["data/yvals"][...])

    def test_validate_reads_them(self):
        distinct = write_product(self.path("s.h5"), survey(700, 5), "training_set")
        result = self.skyfold("train", "--calibrate", "none", "--sample", distinct, "--output", self.path("m.h5"), "--train.fraction", 1, "--algorithms", "dnf,knn",
                              "--held_out.folds", 3, "--pdf", "interp", *PLAIN)
        for name in ("dnf", "knn"):
            ours = support.read_group(self.path(f"m.{name}.held_out.h5"))
            scaled = (ours["z_phot"] - ours["z_spec"]) / (1 + ours["z_spec"])
            nmad = 1.4826 * np.nanmedian(abs(scaled - np.nanmedian(scaled)))
            self.assertRegex(result.err, rf"{name}, 3 folds: quality .* 700 objects: .* NMAD {nmad:.4f}")
            measured = self.skyfold("validate", "--sample", distinct, "--estimates", self.path(f"m.{name}.held_out.h5"), "--output", self.path("v.h5")).out
            self.assertIn("cde_loss", measured)

    def test_mixtures_of_folds_have_one_width(self):
        words = [word for word in self.words("m.h5", "--pdf", "mixmod", folds=7) if word not in ("--knn.neighbours", 9)]
        self.skyfold(*words)        # each fold chooses its own number of neighbours
        with h5py.File(self.path("m.held_out.pdf.hdf5")) as file:
            weights, means, stds = (file[f"data/{name}"][...] for name in ("weights", "means", "stds"))
        z_phot = support.read_group(self.path("m.held_out.h5"))["z_phot"]
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
        self.assertTrue((stds > 0).all() and np.isfinite(means).all())
        # The point estimate is the mixture's median.
        from scipy.special import erf
        below = (weights * 0.5 * (1 + erf((z_phot[:, None] - means) / stds / np.sqrt(2)))).sum(1)
        np.testing.assert_allclose(below, 0.5, atol=2e-3)

    def test_wrong_options_are_one_line(self):
        for message, words in ((r"held_out.folds = 1 .nothing would be left", ("--held_out.folds", 1)),
                               (r"pdf.*--held_out.folds", ("--pdf", "interp", "--held_out.folds", 0)),
                               (r"pdf.zmax = 1", ("--pdf", "interp", "--pdf.zmin", 3, "--pdf.zmax", 1))):
            with self.subTest(words=words):
                result = self.run_skyfold(*self.words("m.h5"), *words) if "--held_out.folds" not in words else \
                    self.run_skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("m.h5"), *words)
                self.assertEqual((result.code, len(result.errors())), (2, 1), result)
                self.assertRegex(result.errors()[0], message)
        result = self.run_skyfold(*self.words("m.h5", folds=1000))
        self.assertEqual((result.code, len(result.errors())), (3, 1), result)
        self.assertRegex(result.errors()[0], r"fold \d+ of 1000 has none of 900 training objects")


class Tune(TasksTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.columns = survey(500, 9)
        cls.sample = write_product(cls.base / "distinct.h5", cls.columns, "training_set")

    def words(self, name, *more):
        return ["train", "--calibrate", "none", "--sample", self.sample, "--output", self.path(name), "--train.fraction", 1, *LIMITS, "--algorithms", "dnf", "--dnf.fit=false", "--tune", 16,
                "--tune.by", "nmad", *more]

    def record(self, name):
        with h5py.File(self.path(name)) as file:
            return {key: str(value) for key, value in file.attrs.items()}

    def test_the_best_trial_is_used_and_recorded(self):
        result = self.skyfold(*self.words("m.h5"))
        record = self.record("m.h5")
        self.assertIn("dnf: " + record["record.tuned"], result.err)
        loss, neighbours, metric, given = re.fullmatch(
            r"16 trials: NMAD ([0-9.]+) with dnf.neighbours = (\d+), dnf.metric = (\w+) \(([0-9.]+) as given\)", record["record.tuned"]).groups()
        self.assertEqual((record["parameter.dnf.neighbours"], record["parameter.dnf.metric"]), (neighbours, metric))
        self.assertLess(float(loss), float(given))
        # The same, by hand: trained on three quarters, judged by the rest.
        judged = uniform(1, self.columns["id"], 0x74756e65) < 0.25
        part = {name: write_product(self.path(f"{name}.h5"), {key: values[rows] for key, values in self.columns.items()}, "training_set")
                for name, rows in (("fit", ~judged), ("judged", judged))}
        self.skyfold("import", "--input", part["judged"], "--ordering", "none", "--output", self.path("c.h5"))
        for options, its in ((("--dnf.neighbours", neighbours, "--dnf.metric", metric), loss), ((), given)):
            self.skyfold("train", "--calibrate", "none", "--sample", part["fit"], "--output", self.path("f.h5"), "--train.fraction", 1, *LIMITS, "--algorithms", "dnf",
                         "--dnf.fit=false", *options)
            self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.path("f.h5"), "--output", self.path("z.h5"), "--fresh")
            z = self.columns["z_spec"][judged]
            scaled = (support.read_group(self.path("z.h5"))["z_phot"] - z) / (1 + z)
            self.assertAlmostEqual(1.4826 * np.median(abs(scaled - np.median(scaled))), float(its), delta=1e-4)
        # And the model is that of these options.
        self.skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("d.h5"), "--train.fraction", 1, *LIMITS, "--algorithms", "dnf",
                     "--dnf.fit=false", "--dnf.neighbours", neighbours, "--dnf.metric", metric)
        with h5py.File(self.path("m.h5")) as ours, h5py.File(self.path("d.h5")) as theirs:
            self.assertEqual({key: value for key, value in ours.attrs.items() if key.startswith("parameter.")},
                             {key: value for key, value in theirs.attrs.items() if key.startswith("parameter.")})
        log = pathlib.Path(self.path("m.html")).read_text()
        for text in ("dnf: trials of --tune", f"judged by {judged.sum()} others", 'id="tune_dnf_0"', 'id="tune_dnf"'):
            self.assertIn(text, log)

    def test_ranks_threads_and_kills_do_not_matter(self):
        self.skyfold(*self.words("a.h5", "--threads", 1))
        self.skyfold(*self.words("b.h5", "--threads", 2), ranks=3)
        self.assertEqual(self.products("b.h5"), self.products("a.h5"))
        self.assertEqual(self.run_until("task 3", *self.words("k.h5", "--threads", 1)).returncode, -9)
        self.assertIn("dnf trials: went on from an earlier attempt, 3 of 17 tasks were done", self.skyfold(*self.words("k.h5"), ranks=2).err)
        self.assertEqual(self.products("k.h5"), self.products("a.h5"))

    def test_what_is_given_is_left_and_nothing_to_search_is_an_error(self):
        self.skyfold(*self.words("m.h5", "--dnf.metric", "enf"))
        self.assertNotIn("metric", self.record("m.h5")["record.tuned"])
        self.assertEqual(self.record("m.h5")["parameter.dnf.metric"], "enf")
        for message, words in ((r"--tune: nothing to search in dnf", ("--dnf.metric", "enf", "--dnf.neighbours", 33)),
                               (r"tune.by = 'cdf'", ("--tune.by", "cdf"))):
            result = self.run_skyfold(*[word for word in self.words("x.h5") if "--tune.by" not in words or word not in ("--tune.by", "nmad")], *words)
            self.assertEqual((result.code, len(result.errors())), (2, 1), result)
            self.assertRegex(result.errors()[0], message)
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", self.sample, "--output", self.path("x.h5"), "--tune.by", "nmad")
        self.assertEqual((result.code, len(result.errors())), (2, 1), result)

    def test_when_all_trials_fail_the_reason_is_told(self):
        few = write_product(self.path("few.h5"), survey(45, 3), "training_set")
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", few, "--output", self.path("x.h5"), "--train.fraction", 1, "--algorithms", "knn", "--tune", 2)
        self.assertEqual((result.code, len(result.errors())), (3, 1), result)
        self.assertRegex(result.errors()[0], r"knn: no trial of --tune gives a loss by --tune.by cde .the training set has \d+ objects")

    def test_a_tuned_model_is_made_again_from_its_record(self):
        self.skyfold(*self.words("m.h5"))
        result = self.skyfold("products", "replay", self.path("m.h5"))
        self.assertRegex(result.out + result.err, "identical|same")


if __name__ == "__main__":
    support.main()
