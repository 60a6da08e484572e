"""The job scripts on a real Slurm of three pretended nodes: products, requeueing, pre-emption.

Exit code 77, with the reason, where Slurm is not installed.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SCRIPTS = support.SOURCE / "slurm"
CLUSTER = SCRIPTS / "test-cluster"
PATIENCE_S = 120
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"}
SIZE = ["--nodes=2", "--ntasks-per-node=2", "--cpus-per-task=1"]


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


class SlurmTest(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cluster = cls.base / "cluster"
        started = subprocess.run([CLUSTER / "start", cluster], capture_output=True, text=True, timeout=PATIENCE_S)
        if started.returncode != 0:
            raise AssertionError(f"the cluster does not start: {started.stderr}")
        cls.addClassCleanup(subprocess.run, [CLUSTER / "stop", cluster], timeout=PATIENCE_S)
        told = subprocess.run(["bash", "-c", f". '{cluster}/environment' && env -0"], capture_output=True, text=True, check=True)
        binary_folder = os.path.dirname(support._binary[0])
        cls.slurm = dict(entry.split("=", 1) for entry in told.stdout.split("\0") if "=" in entry)
        cls.slurm.update(PATH=f"{binary_folder}:{os.environ['PATH']}", HDF5_USE_FILE_LOCKING="FALSE")
        cls.make_inputs()

    @classmethod
    def make_inputs(cls):
        """A synthetic survey, its model, and an undisturbed product."""
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 30_000, "--seed", 3, "--spectroscopic", 0.05, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.base / "survey.spec.h5", "--output", cls.model)
        cls.reference = str(cls.base / "reference.h5")
        cls.skyfold("photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", cls.reference)

    # --- Slurm -----------------------------------------------------------------------------------

    @classmethod
    def command(cls, *words, **variables):
        done = subprocess.run([str(word) for word in words], env={**cls.slurm, **variables}, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.stderr}")
        return done.stdout

    def submit(self, *words, **variables):
        job = self.command("sbatch", "--parsable", "--chdir", self.folder, *words, **variables).strip()
        self.addCleanup(subprocess.run, ["scancel", job], env=self.slurm, capture_output=True)
        return job

    def photoz(self, output, *options, **variables):
        """A job of the survey in 75 pieces, on 4 ranks."""
        return self.submit(*SIZE, SCRIPTS / "photoz.sbatch", "--catalogue", self.catalogue, "--model", self.model,
                           "--output", output, "--partition.by", "rows", "--partition.rows", 400, "--partitions-per-job", 1,
                           "--farm.fault", "sleep=0.4@*", *options, **variables)

    def facts(self, job):
        """What Slurm says of a job, by name: JobState, Restarts, ..."""
        return dict(re.findall(r"(\w+)=(\S*)", self.command("scontrol", "show", "job", job)))

    def log(self, job):
        logs = [path.read_text() for path in sorted(self.folder.glob(f"*{job}*.log"))]
        return f"{self.facts(job)}\n" + "".join(logs)

    def wait_until(self, condition, job, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                self.fail(f"in vain: {what}\n{self.log(job)}")
            time.sleep(0.1)

    def wait_for_state(self, job, *states):
        self.wait_until(lambda: self.facts(job)["JobState"] in states, job, f"job {job} to be {states}")

    def wait_for_end(self, job):
        self.wait_for_state(job, *ENDED)
        self.assertEqual(self.facts(job)["JobState"], "COMPLETED", self.log(job))

    def wait_for_work(self, job, output):
        """Until some ranges are done, but not all."""
        self.wait_until(lambda: self.ranges_done(output) >= 3, job, "work to begin")

    @staticmethod
    def ranges_done(output):
        """Records of the journal (docs/journal.md) that say "done"."""
        journal = pathlib.Path(f"{output}.run/journal")
        if not journal.exists():
            return 0
        content = journal.read_bytes()
        return sum(int.from_bytes(content[at + 48:at + 52], "little") == 2 for at in range(0, len(content) - 383, 384))

    def assert_same(self, path, reference):
        self.assertTrue(support.read_bytes(path) == support.read_bytes(reference), f"{path} differs from {reference}")

    def needs(self, command):
        if not re.search(rf"(?m)^  {command} ", self.skyfold("--help").out):
            self.skipTest(f"skyfold has no command {command}")


class Products(SlurmTest):
    @classmethod
    def make_inputs(cls):
        pass

    def make_real(self):
        table = support.shared("photoz/des/des_spec_open.fits")
        self.skyfold("import", "--input", table, "--output", self.path("des.h5"))
        self.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", table, "--output", self.path("model.h5"))
        self.skyfold("photoz", "--catalogue", self.path("des.h5"), "--model", self.path("model.h5"), "--output", self.path("reference.h5"))

    def test_the_scaling_study_runs_in_an_allocation(self):
        study = support.SOURCE / "bench/scaling/run"
        job = self.submit(*SIZE, "--output=%j.log", f"--wrap={sys.executable} {study} --study tiles-per-job --nodes 2 --skyfold {support._binary[0]} --objects 6000 "
                          "--rounds 1 --ranks 2 --tiles 1,auto --results results")
        self.wait_for_end(job)
        self.assertEqual(len((self.folder / "results/tiles-per-job.csv").read_text().splitlines()), 3, self.log(job))

    def test_photoz_of_real_galaxies(self):
        self.make_real()
        options = ["--catalogue", "des.h5", "--model", "model.h5"]
        jobs = {"srun.h5": self.submit(*SIZE, SCRIPTS / "photoz.sbatch", *options, "--output", "srun.h5"),
                "mpirun.h5": self.submit(*SIZE, SCRIPTS / "photoz.sbatch", *options, "--output", "mpirun.h5", SKYFOLD_LAUNCHER="mpirun")}
        for name, job in jobs.items():
            with self.subTest(name):
                self.wait_for_end(job)
                self.assertIn("on 4 ranks x 1 thread", self.log(job))
                self.assertIn(f"starting {name[:-3]}", self.log(job))
                self.assert_same(self.path(name), self.path("reference.h5"))

    def test_an_array_of_real_catalogues(self):
        self.make_real()
        self.skyfold("import", "--input", support.shared("photoz/des/des_spec_open.fits"), "--ordering", "none", "--output", self.path("plain.h5"))
        self.skyfold("photoz", "--catalogue", self.path("plain.h5"), "--model", self.path("model.h5"), "--output", self.path("plain.reference.h5"))
        pathlib.Path(self.path("list.txt")).write_text("des.h5\nplain.h5\n")
        job = self.submit("--array=1-2", "--ntasks-per-node=1", "--cpus-per-task=2", SCRIPTS / "array.sbatch", "list.txt", "products",
                          "--model", "model.h5")
        self.wait_for_end(f"{job}_1")
        self.wait_for_end(f"{job}_2")
        self.assert_same(self.path("products/des.z.hdf5"), self.path("reference.h5"))
        self.assert_same(self.path("products/plain.z.hdf5"), self.path("plain.reference.h5"))

    def check_as_a_job(self, command, *options):
        """The script's product has the bytes of a run without Slurm."""
        self.skyfold(command, *options, "--output", self.path("reference.h5"))
        job = self.submit(*SIZE, SCRIPTS / f"{command}.sbatch", *options, "--output", "job.h5")
        self.wait_for_end(job)
        self.assert_same(self.path("job.h5"), self.path("reference.h5"))

    def test_locus_of_real_stars(self):
        self.needs("locus")
        self.skyfold("import", "--input", support.shared("locus/paper1_in_frame_1345.csv"), "--output", self.path("stars.h5"))
        self.check_as_a_job("locus", "--targets", support.shared("locus/paper1_target.csv"), "--catalogue", self.path("stars.h5"))

    def test_patch_of_real_sources(self):
        self.needs("patch")
        self.check_as_a_job("patch", "--maps", support.shared("planck/wmap_band_iqumap_r9_7yr_V_v4_udgraded32.fits"),
                            "--sources", support.shared("planck/COM_PCCS_030_R2.04.fits"), "--measure", "disc", "--map.frame", "G")

    def test_a_script_without_options_says_how_it_is_used(self):
        for name in ("photoz", "locus", "patch"):
            job = self.submit("--ntasks-per-node=1", "--cpus-per-task=1", SCRIPTS / f"{name}.sbatch")
            self.wait_for_state(job, *ENDED)
            self.assertEqual(self.facts(job)["ExitCode"], "2:0")
            self.assertIn(f"usage: sbatch {name}.sbatch", self.log(job))

    def test_the_exit_code_of_skyfold_is_that_of_the_job(self):
        job = self.submit("--ntasks-per-node=2", "--cpus-per-task=1", SCRIPTS / "photoz.sbatch", "--catalogue", "none.h5", "--model", "none.h5",
                          "--output", "z.h5")
        self.wait_for_state(job, *ENDED)
        facts = self.facts(job)
        self.assertEqual((facts["JobState"], facts["ExitCode"], facts["Restarts"]), ("FAILED", "4:0", "0"), self.log(job))


class Interruptions(SlurmTest):
    def check_finished(self, job, output, restarts=1):
        """The product is that of an undisturbed run, and no completed range was computed again."""
        self.wait_for_end(job)
        self.assertEqual(self.facts(job)["Restarts"], str(restarts), self.log(job))
        self.assert_same(output, self.reference)
        self.assertEqual(self.ranges_done(output), 75, "a range was computed again")

    def test_a_job_stopped_before_its_time_limit_goes_on_where_it_was(self):
        for launcher in ("srun --mpi=pmix --kill-on-bad-exit=1", "mpirun"):
            with self.subTest(launcher):
                output = self.path(f"{launcher[:4]}.h5")
                job = self.photoz(output, SKYFOLD_LAUNCHER=launcher)
                self.wait_for_work(job, output)
                self.command("scancel", "--batch", "--signal=USR1", job)  # what Slurm does for --signal=B:USR1@120
                self.check_finished(job, output)
                self.assertIn("work is left: back in the queue", self.log(job))

    def test_a_preempted_job_finishes_with_the_same_bytes(self):
        for launcher in ("srun --mpi=pmix --kill-on-bad-exit=1", "mpirun"):
            with self.subTest(launcher):
                output = self.path(f"{launcher[:4]}.h5")
                job = self.photoz(output, SKYFOLD_LAUNCHER=launcher)
                self.wait_for_work(job, output)
                urgent = self.submit("--partition=high", "--nodes=3", "--exclusive", "--wrap", "sleep 1")
                self.wait_for_end(urgent)
                self.check_finished(job, output)

    def test_a_node_that_falls_silent_is_survived(self):
        # Its processes are stopped: connections stay, nobody answers. The other ranks finish, mpirun waits for ever.
        output = self.path("z.h5")
        job = self.photoz(output, "--farm.heartbeat", 4, SKYFOLD_LAUNCHER="mpirun --enable-recovery")
        self.wait_for_work(job, output)
        stopped = [pid for pid in self.processes_of("n2", job) if self.stop(pid)]
        self.assertGreaterEqual(len(stopped), 3, "mpirun's daemon and two ranks")
        self.check_finished(job, output, restarts=0)
        self.assertIn("the run has ended with exit code 0, but its launcher stays", self.log(job))

    def processes_of(self, node, job):
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended
            if f"SLURMD_NODENAME={node}".encode() in words and f"SLURM_JOB_ID={job}".encode() in words \
                    and f"SLURM_CONF={self.slurm['SLURM_CONF']}".encode() in words:
                yield int(folder.name)

    def stop(self, pid):
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return False
        return True

    def test_a_requeued_job_finishes_with_the_same_bytes(self):
        output = self.path("z.h5")
        job = self.photoz(output)
        self.wait_for_work(job, output)
        self.command("scontrol", "requeue", job)  # by an administrator: no warning
        self.check_finished(job, output)

    def test_a_cancelled_job_stays_out_of_the_queue_and_can_be_finished(self):
        output = self.path("z.h5")
        job = self.photoz(output)
        self.wait_for_work(job, output)
        self.command("scancel", job)
        self.wait_for_state(job, "CANCELLED")
        self.wait_until(lambda: not self.command("squeue", "--noheader", "--job", job).strip(), job, "the job to leave the queue")
        self.assertFalse(os.path.exists(output))
        self.check_finished(self.photoz(output), output, restarts=0)


class Pipelines(SlurmTest):
    """A pipeline as a job: the first rank hands out work, and after an interruption the job goes on where it was."""

    TASKS = 60

    @classmethod
    def make_inputs(cls):
        pass

    def make_pipeline(self):
        (self.folder / "t.csv").write_text("number\n" + "".join(f"{i}\n" for i in range(self.TASKS)))
        (self.folder / "work.sh").write_text('sleep 0.4\necho "$1" > "$2/$1.txt"\necho "made number=$1" >> "$SKYFOLD_EVENTS"\n')
        (self.folder / "join.sh").write_text('cat p/work/*.txt | sort -n > "$1/all.txt"\n')
        (self.folder / "p.ini").write_text("[pipeline]\nname = p\ntargets = t.csv\n"
                                           "[task work]\ncommand = sh work.sh {number} {out}\non = @start\nemits = made\n"
                                           "[task join]\ncommand = sh join.sh {out}\non = made, all of *\n")

    def records(self):
        path = self.folder / "p/journal"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line[:-17]) for line in lines]

    def completed(self):
        return [record["job"] for record in self.records() if record["r"] == "end" and record["how"] == "completed"]

    def submit_pipeline(self, *options, **variables):
        return self.submit(*SIZE, SCRIPTS / "pipeline.sbatch", "p.ini", "--slots", "1", *options, **variables)

    def check(self, job, restarts):
        self.wait_for_end(job)
        self.assertEqual(self.facts(job)["Restarts"], str(restarts), self.log(job))
        self.assertEqual((self.folder / "p/join/all.txt").read_text(), "".join(f"{i}\n" for i in range(self.TASKS)))
        self.assertEqual(len(self.completed()), self.TASKS + 1, "a job was done again")
        self.assertEqual(len(set(self.completed())), self.TASKS + 1)

    def test_the_ranks_of_a_job_share_the_work(self):
        self.make_pipeline()
        job = self.submit_pipeline()
        self.check(job, 0)
        agents = {record["agent"] for record in self.records() if record["r"] == "start"}
        self.assertEqual(len(agents), 4, self.log(job))

    def test_a_second_job_joins_the_first(self):
        self.make_pipeline()
        first = self.submit("--ntasks=1", "--cpus-per-task=1", SCRIPTS / "pipeline.sbatch", "p.ini", "--slots", "1")
        self.wait_until(lambda: self.completed(), first, "work to begin")
        second = self.submit("--ntasks=1", "--cpus-per-task=1", SCRIPTS / "pipeline.sbatch", "p.ini", "--slots", "2", "--join")
        self.check(first, 0)
        self.wait_for_end(second)
        self.assertEqual(len({record["agent"] for record in self.records() if record["r"] == "start"}), 2, self.log(second))

    def test_a_preempted_pipeline_finishes(self):
        for launcher in ("srun --mpi=pmix --kill-on-bad-exit=0", "mpirun"):
            with self.subTest(launcher):
                shutil.rmtree(self.folder / "p", ignore_errors=True)
                self.make_pipeline()
                job = self.submit_pipeline(SKYFOLD_LAUNCHER=launcher)
                self.wait_until(lambda: len(self.completed()) >= 5, job, "work to begin")
                urgent = self.submit("--partition=high", "--nodes=3", "--exclusive", "--wrap", "sleep 1")
                self.wait_for_end(urgent)
                self.assertLess(len(self.completed()), self.TASKS, "it was done before")
                self.check(job, 1)


if __name__ == "__main__":
    for program in ("slurmctld", "slurmd", "sbatch", "munged"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip(f"{program} is not installed (Debian: slurmctld slurmd slurm-client munge)")
    if os.geteuid() != 0:
        skip("slurmd needs root to start jobs")
    support.main()
