"""rehearse: published durations from published costs, journals of real runs, what it refuses; and the study's script that drives it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

sys.path.insert(0, str(support.SOURCE / "bench/scaling"))
import steps

USAGE, DATA, IO = 2, 3, 4
TILES, OBJECTS = 3373, 126_623_762


class Rehearse(support.SkyfoldTest):
    def rehearse(self, *words, **options):
        return json.loads(self.skyfold("rehearse", *words, "--json", **options).out)

    def replay(self, per_job, **costs):
        """Minutes of the survey of Gschwend et al. (2018) on 912 slots, by tiles per job."""
        words = [word for name, value in costs.items() for word in (f"--cost.{name}", value)]
        found = self.rehearse("--survey.rows", OBJECTS, "--survey.partitions", TILES, "--ranks", 913, "--ranks-per-node", 24, "--cores-per-node", 24,
                              "--threads-per-rank", 1, "--farm.master", "dedicated", "--farm.block_rows", 10**7, "--prefetch", "false",
                              "--partitions-per-job", ",".join(map(str, per_job)), *words)
        return {int(case["partitions_per_job"]): case["wall_s"] / 60 for case in found["cases"]}

    def test_serial_dispatch_explains_the_published_durations(self):
        t0_min, tile_s, job_s = 42.5, 197.0, 1.77
        minutes = self.replay((4, 12, 24, 32), start=60 * t0_min, compute=1e6 * tile_s * TILES / OBJECTS, message=1e6 * job_s)
        for n, published in ((4, 79), (12, 91), (24, 131), (32, 147)):
            jobs = -(-TILES // n)
            formula = t0_min + tile_s * n / 60 + job_s * jobs / 60   # the last job begins when all others have been handed out
            self.assertAlmostEqual(minutes[n] / formula, 1, delta=0.02)
            self.assertAlmostEqual(minutes[n] / published, 1, delta=0.1)

    def test_enough_equal_work_is_shared_evenly(self):
        for ranks, cores in ((1, 1), (2, 2), (8, 2), (24, 24)):
            case = self.rehearse("--survey.rows", 10_000_000, "--survey.partitions", 1000, "--cost.compute", 10, "--cost.message", 0, "--ranks", ranks,
                                 "--ranks-per-node", ranks, "--cores-per-node", cores, "--threads-per-rank", 1, "--farm.master", "compute",
                                 "--partitions-per-job", "auto")["cases"][0]
            self.assertAlmostEqual(case["wall_s"], 100 / min(ranks, cores), delta=0.03 * 100 / min(ranks, cores))
            self.assertAlmostEqual(sum(case["rank_s"].values()), ranks * case["farm_s"], delta=1e-6 * ranks * case["farm_s"])

    def test_threads_share_a_ranks_work(self):
        words = ["--survey.rows", 100_000, "--cost.compute", 100, "--ranks", 2, "--cores-per-node", 8, "--partitions-per-job", "auto"]
        one, four = (self.rehearse(*words, "--threads-per-rank", n)["cases"][0]["wall_s"] for n in (1, 4))
        self.assertAlmostEqual(one / four, 4, delta=0.1)

    def test_refuses_what_it_cannot_rehearse_in_one_line(self):
        self.skyfold("mock", "--objects", 2000, "--output", self.path("m.h5"), "--threads", 1)
        stopped = self.path("stopped.h5")
        shutil.copytree(self.path("m.h5.run"), stopped + ".run")
        with open(stopped + ".run/journal", "r+b") as file:
            file.truncate(4 * 384)
        for code, message, words in (
                (USAGE, "costs are unknown", ["--survey.rows", 1000]),
                (USAGE, "survey is unknown", ["--cost.compute", 1]),
                (USAGE, "cost.compute = 0", ["--cost.compute", 0, "--survey.rows", 10]),
                (USAGE, "ranks = 0", ["--cost.compute", 1, "--survey.rows", 10, "--ranks", 0]),
                (USAGE, "partitions-per-job = few", ["--cost.compute", 1, "--survey.rows", 10, "--partitions-per-job", "few"]),
                (USAGE, "--partitions-per-job names none", ["--cost.compute", 1, "--survey.rows", 10, "--partitions-per-job", ""]),
                (USAGE, "--ranks names none", ["--cost.compute", 1, "--survey.rows", 10, "--ranks", ""]),
                (IO, "no journal", ["--from", self.path("absent.h5")]),
                (DATA, "not come to its end", ["--from", stopped]),
                (USAGE, "ordered by healpix", ["--from", self.path("m.h5"), "--catalogue", self.path("m.h5"), "--partition.by", "tile"])):
            with self.subTest(message):
                result = self.run_skyfold("rehearse", *words)
                self.assertEqual(result.code, code, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(message, result.errors()[0])

    def test_takes_costs_and_memory_from_the_journal_of_a_run(self):
        self.skyfold("mock", "--objects", 40_000, "--spectroscopic", 0.05, "--output", self.path("m.h5"), "--threads", 1)
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("m.spec.h5"), "--output", self.path("model.h5"))
        run = self.skyfold("photoz", "--catalogue", self.path("m.h5"), "--model", self.path("model.h5"), "--output", self.path("z.h5"), "--threads", 1,
                           "--partition.by", "rows", "--partition.rows", 1000, ranks=2)
        dump = [line.split("\t") for line in self.skyfold("journal", "dump", self.path("z.h5")).out.splitlines()[1:]]
        done = [line for line in dump if line[2] == "done"]
        told = self.rehearse("--from", self.path("z.h5"), "--ranks", "1,2", "--partitions-per-job", "1")
        crowding = max(1, 2 / told["cores_per_node"])
        self.assertEqual(told["rows"], 40_000)
        self.assertAlmostEqual(told["cost"]["compute_us"], 1e6 * sum(float(line[15]) for line in done) / 40_000 / crowding, delta=0.1)
        self.assertIn(f"the largest rank held {int(told['cost']['memory_mb'])} MB", run.out.replace(",", ""))
        self.assertEqual([case["partitions"] for case in told["cases"]], [40, 40])
        for case in told["cases"]:
            self.assertGreaterEqual(case["farm_s"] * min(case["ranks"], told["cores_per_node"]), 0.999 * told["cost"]["compute_us"] * 0.04)
        words = ["--from", self.path("z.h5"), "--catalogue", self.path("m.h5"), "--cost.compute", 10_000, "--cost.start", 0]
        table = self.skyfold("rehearse", *words, "--cost.finish", 0, "--ranks", "1,2,64").out   # the first two have little but computing to do
        self.assertRegex(table, r"(?m)^ +64 .*<$")
        self.assertIn("the most ranks with 80 % efficiency: ", table)
        self.assertIn("no number of ranks reaches 80 % efficiency", self.skyfold("rehearse", *words, "--cost.finish", 10_000, "--ranks", 2).out)
        other = self.rehearse("--from", self.path("z.h5"), "--survey.rows", 4_000_000, "--ranks", "1", "--partitions-per-job", "auto")
        self.assertAlmostEqual(other["cases"][0]["rank_s"]["compute"], 1e-6 * told["cost"]["compute_us"] * 4_000_000,
                               delta=0.1 * told["cost"]["compute_us"] * 4)


class ScalingStudy(support.SkyfoldTest):
    """bench/scaling/run, small."""

    def words(self, study, *more):
        return [sys.executable, str(support.SOURCE / "bench/scaling/run"), "--study", study, "--skyfold", support._binary[0], "--folder", str(self.folder),
                "--results", str(self.folder / "results"), *map(str, more)]

    def study(self, study, *more):
        done = subprocess.run(self.words(study, *more), capture_output=True, text=True, env=support.environment(self.base), timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_tiles_per_job_accounts_for_all_rank_seconds(self):
        self.study("tiles-per-job", "--objects", 20_000, "--rounds", 1, "--ranks", "1,2", "--tiles", "1,auto", "--figures", self.folder)
        rows = json.loads((self.folder / "results/tiles-per-job.json").read_text())["rows"]
        self.assertEqual([(row["ranks"], row["tiles_per_job"]) for row in rows], [(1, "1"), (1, "auto"), (2, "1"), (2, "auto")])
        for row in rows:
            self.assertAlmostEqual(row["sum_over_ranks_x_wall"], 1, delta=0.1)   # of numbers rounded to 0.01 s
            self.assertGreater(row["predicted_s"], 0)
        self.assertIn("</svg>", (self.folder / "scaling-tiles-per-job.svg").read_text())

    def test_a_hundredth_of_the_whole_survey_goes_on_after_a_kill(self):
        objects = OBJECTS // 100
        words = ["--objects", objects, "--every", 0.5]
        process = subprocess.Popen(self.words("headline", *words), env=support.environment(self.base), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        journal, end = self.folder / "photoz.h5.run/journal", time.monotonic() + 300
        while not (journal.exists() and journal.stat().st_size > 384 * 12) and time.monotonic() < end:
            self.assertIsNone(process.poll(), "the study ended before it was killed")
            time.sleep(0.05)
        # Ranks first: they outlive mpirun, and on a busy machine long enough to finish.
        subprocess.run(["pkill", "-KILL", "-f", str(self.folder / "photoz.h5")], check=False)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        out = self.study("headline", *words)
        self.assertIn(f"{objects:,} objects from nothing to HDF5 and FITS", out)
        rows = {row["step"]: row for row in json.loads((self.folder / "results/headline.json").read_text())["rows"]}
        self.assertEqual(rows["photoz"]["attempts"], 2)
        with h5py.File(self.folder / "catalogue.h5") as catalogue, h5py.File(self.folder / "photoz.h5") as product:
            ids = catalogue["object/id"][:]
            self.assertEqual(len(np.unique(ids)), objects)
            np.testing.assert_array_equal(product["object/id"][:], ids)
            with fits.open(self.folder / "photoz.fits") as table:
                np.testing.assert_array_equal(table[1].data["id"], ids)
                np.testing.assert_array_equal(table[1].data["z_phot"], product["object/z_phot"][:])
                self.assertTrue(np.all(np.isfinite(table[1].data["z_phot"])))

    def test_packed_pdfs_and_distributions_of_a_survey_are_made_once(self):
        objects = 8_000
        words = ["--objects", objects, "--algorithm", "cmnn", "--headline-ranks", 2, "--every", 0.2]
        first = self.study("pdfs", *words)
        self.assertIn(f"{objects:,} objects from nothing to packed PDFs and n(z) in bins", first)
        made = {name: (self.folder / name).stat().st_mtime_ns for name in ("mock.h5", "model.h5", "photoz.hdf5", "photoz.pdf.hdf5", "nz.hdf5")}
        (self.folder / "nz.hdf5").unlink()
        facts = json.loads((self.folder / "facts.json").read_text())
        del facts["nz"]   # as a study that was killed in its last step leaves it
        (self.folder / "facts.json").write_text(json.dumps(facts))
        self.study("pdfs", *words)
        rows = {row["step"]: row for row in json.loads((self.folder / "results/pdfs.json").read_text())["rows"]}
        self.assertEqual([rows[step]["attempts"] for step in ("mock", "train", "photoz", "nz")], [1, 1, 1, 2])
        for name, time_ns in made.items():
            self.assertEqual((self.folder / name).stat().st_mtime_ns == time_ns, name != "nz.hdf5", name)
        with h5py.File(self.folder / "mock.h5") as mock, h5py.File(self.folder / "photoz.hdf5") as product, h5py.File(self.folder / "nz.hdf5") as nz, \
                h5py.File(self.folder / "photoz.pdf.hdf5") as pdf:
            self.assertEqual(pdf["data/packed"].shape, (objects, 52))
            self.assertEqual(list(pdf["ancil"]), ["object_id"])
            chosen = (mock["object/is_star"][:] == 0) & (mock["object/mag_i"][:] < 22.5)
            np.testing.assert_array_equal(nz["tomography/objects"][:], np.histogram(product["object/z_phot"][:][chosen], [0.2, 0.43, 0.63, 0.9, 1.3])[0])

    def test_a_photometry_database_is_loaded_mapped_searched_and_described(self):
        objects, figure = 16_000, self.folder / "scaling-database-memory.svg"
        out = self.study("database", "--objects", objects, "--headline-ranks", 2, "--every", 0.2, "--figures", self.folder)
        self.assertIn(f"{objects:,} objects from nothing to light-curve statistics", out)
        self.assertIn("</svg>", figure.read_text())
        measurements = objects * 1_000_000_000 // 118_000_000
        with h5py.File(self.folder / "mock.h5") as mock, h5py.File(self.folder / "map.h5") as sky, h5py.File(self.folder / "found.h5") as found, \
                h5py.File(self.folder / "statistics.h5") as statistics, h5py.File(self.folder / "loaded.h5") as loaded:
            self.assertEqual(len(mock["meas/mjd"]), measurements)
            self.assertEqual(len(loaded["meas/mjd"]), measurements // 8)
            blue, red = mock["object/f475w_vega"][:], mock["object/f814w_vega"][:]
            pixels = np.unique(mock["object/pix4096"][:][(blue < 90) & (red < 90)], return_counts=True)
            np.testing.assert_array_equal(sky["object/pix"][:], pixels[0])
            np.testing.assert_array_equal(sky["object/n"][:], pixels[1])
            chosen = mock["object/random_id"][:] < np.float32(100 * (objects // 8) / objects)
            self.assertTrue(np.isin(mock["object/id"][:][chosen], found["object/id"][:]).all())
            counted = sum(statistics[f"object/{name}_n"][:].astype(int) for name in ("F110W", "F160W", "F275W", "F336W", "F475W", "F814W"))
            count = np.add.reduceat(mock["meas/mag"][:] < 90, mock["meas_offset"][:-1]) if (np.diff(mock["meas_offset"][:]) > 0).all() else None
            self.assertIsNotNone(count, "objects without measurements")
            np.testing.assert_array_equal(counted, count)

    def test_a_hundredth_of_the_published_traversal_goes_on_after_a_kill(self):
        stars = 357_175_411 // 100
        words = ["--objects", stars, "--headline-ranks", 1, "--every", 0.2]
        process = subprocess.Popen(self.words("locus", *words), env=support.environment(self.base), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        journal, end = self.folder / "pointings.h5.run/journal", time.monotonic() + 300
        while not (journal.exists() and journal.stat().st_size > 384 * 12) and time.monotonic() < end:
            self.assertIsNone(process.poll(), "the study ended before it was killed")
            time.sleep(0.05)
        for pid in steps.processes_of(str(self.folder / "pointings.h5")):
            os.kill(pid, signal.SIGKILL)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        out = self.study("locus", *words)
        self.assertIn(f"{stars:,} objects from nothing to pointings", out)
        rows = {row["step"]: row for row in json.loads((self.folder / "results/locus.json").read_text())["rows"]}
        self.assertEqual(rows["traversal"]["attempts"], 2)
        with h5py.File(self.folder / "stars.h5") as catalogue, h5py.File(self.folder / "pointings.h5") as product, fits.open(self.folder / "pointings.fits") as table:
            chosen = np.flatnonzero(catalogue["object/psfmag_r"][:].astype("f8") < 18.35)
            self.assertAlmostEqual(len(chosen) / stars / (61_662_376 / 357_175_411), 1, delta=0.02)
            np.testing.assert_array_equal(product["object/row"][:], chosen)
            np.testing.assert_array_equal(product["object/id"][:], catalogue["object/id"][:][chosen])
            for name in ("id", "av_ra", "av_dec", "rating", "n_ref"):
                np.testing.assert_array_equal(table[1].data[name], product[f"object/{name}"][:])


if __name__ == "__main__":
    support.main()
