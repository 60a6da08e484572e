"""The PBS scripts, under a stand-in for PBS: its variables, its node file, and programs that say what PBS would.

No PBS is packaged for Debian, so this is what can be tested of them.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SCRIPTS = support.SOURCE / "slurm"
PATIENCE_S = 120


class Pbs(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 20_000, "--seed", 4, "--spectroscopic", 0.05, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.base / "survey.spec.h5", "--output", cls.model, "--dnf.neighbours", 40)
        cls.reference = str(cls.base / "reference.h5")
        cls.skyfold("photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", cls.reference)

    def setUp(self):
        super().setUp()
        self.programs = self.folder / "bin"
        self.programs.mkdir()
        self.program("mpirun", f'exec {shutil.which("mpirun")} {"--allow-run-as-root" if os.geteuid() == 0 else ""} --oversubscribe "$@"')

    def program(self, name, text):
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def environment(self, slots=("localhost", "localhost"), **variables):
        """What PBS sets for a job with these lines in its node file."""
        nodes = self.folder / "nodes"
        nodes.write_text("".join(f"{name}\n" for name in slots))
        path = f"{self.programs}:{os.path.dirname(support._binary[0])}:{os.environ['PATH']}"
        known = {name: value for name, value in support.environment(self.base).items() if name not in ("OMP_NUM_THREADS", "SKYFOLD_LAUNCHER")}
        return {**known, "PATH": path, "PBS_NODEFILE": str(nodes), "PBS_O_WORKDIR": str(self.folder), "PBS_JOBID": "12.server",
                "SKYFOLD_SCRIPTS": str(SCRIPTS), **variables}

    def words(self, output="z.h5"):
        return f"--catalogue {self.catalogue} --model {self.model} --output {output}"

    def start(self, script, *arguments, **variables):
        copy = shutil.copy(SCRIPTS / script, self.folder / "12.server.SC")  # PBS runs a copy, in a shell of its own
        return subprocess.Popen(["bash", copy, *arguments], env=self.environment(**variables), cwd="/", start_new_session=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_job(self, script, *arguments, **variables):
        process = self.start(script, *arguments, **variables)
        log, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, log

    def assert_product(self, name="z.h5"):
        self.assertTrue(support.read_bytes(self.path(name)) == support.read_bytes(self.reference), "another product")

    def test_all_scripts_are_valid(self):
        scripts = sorted([*SCRIPTS.glob("*.pbs"), *SCRIPTS.glob("*.sbatch"), *SCRIPTS.glob("*.sh"), *(SCRIPTS / "test-cluster").iterdir()])
        self.assertEqual(len(scripts), 14)
        for script in scripts:
            done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), script)
        if not shutil.which("shellcheck"):
            self.skipTest("shellcheck is not installed")
        done = subprocess.run(["shellcheck", "-x", *scripts], capture_output=True, text=True, cwd=support.SOURCE)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_photoz_with_the_variables_of_torque(self):
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS=self.words(), PBS_NUM_PPN="2")
        self.assertEqual(code, 0, log)
        self.assertIn("on 2 ranks x 1 thread", log)
        self.assert_product()

    def test_photoz_with_the_variables_of_openpbs(self):
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS=self.words(), NCPUS="2", OMP_NUM_THREADS="2", slots=["localhost"])
        self.assertEqual(code, 0, log)
        self.assertRegex(log, rf"on 1 rank x {min(2, len(os.sched_getaffinity(0)))} thread")
        self.assert_product()

    def test_options_as_arguments_of_the_script(self):
        code, log = self.run_job("photoz.pbs", *self.words().split(), PBS_NUM_PPN="2")
        self.assertEqual(code, 0, log)
        self.assert_product()

    def test_threads_leave_room_for_fewer_ranks(self):
        self.program("skyfold", 'echo "$@"')
        _, log = self.run_job("photoz.pbs", SKYFOLD_ARGS="--config p.ini", PBS_NUM_PPN="8", SKYFOLD_THREADS="4", slots=["a"] * 8 + ["b"] * 8)
        self.assertIn("--ranks 4 -- photoz --config p.ini", log)
        _, log = self.run_job("photoz.pbs", SKYFOLD_ARGS="--config p.ini", NCPUS="8", SKYFOLD_THREADS="4", slots=["a", "a", "b", "b"])
        self.assertIn("--ranks 4 -- photoz --config p.ini", log)

    def test_each_script_runs_its_command(self):
        self.program("skyfold", 'echo "$@"')
        for name in ("photoz", "locus", "patch"):
            code, log = self.run_job(f"{name}.pbs", SKYFOLD_ARGS="--config c.ini")
            self.assertEqual(code, 0, log)
            self.assertIn(f"-- {name} --config c.ini", log)

    def test_a_pipeline_has_a_rank_on_each_node(self):
        self.program("skyfold", 'echo "$@"')
        code, log = self.run_job("pipeline.pbs", SKYFOLD_ARGS="run survey.ini", PBS_NUM_PPN="8", SKYFOLD_THREADS="8", slots=["a"] * 8 + ["b"] * 8)
        self.assertEqual(code, 0, log)
        self.assertIn("--ranks 2 -- pipeline run survey.ini", log)

    def test_a_script_without_options_says_how_it_is_used(self):
        code, log = self.run_job("photoz.pbs")
        self.assertEqual(code, 2)
        self.assertIn("usage: qsub", log)

    def test_stops_before_the_wall_time_and_goes_on_when_run_again(self):
        self.program("qstat", 'echo "    Resource_List.walltime = 00:02:02"')  # 2 s more than the warning
        self.program("qrerun", f'echo "$@" >> {self.folder}/rerun')
        slow = self.words() + " --partition.by rows --partition.rows 400 --partitions-per-job 1 --farm.fault sleep=0.4@*"
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS=slow, PBS_NUM_PPN="2")
        self.assertEqual(code, 75, log)
        self.assertIn("work is left: back in the queue", log)
        self.assertEqual((self.folder / "rerun").read_text(), "12.server\n")
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS=slow.replace("0.4", "0"), PBS_NUM_PPN="2", PBS_WALLTIME="7200")
        self.assertEqual(code, 0, log)
        self.assert_product()

    def test_submits_itself_where_a_user_may_not_rerun(self):
        self.program("skyfold", "exit 75")
        self.program("qrerun", "exit 159")
        self.program("qsub", f'echo "$@" >> {self.folder}/submitted')
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS="--config c.ini", SKYFOLD_RESUBMIT="photoz.pbs")
        self.assertEqual(code, 75, log)
        self.assertEqual((self.folder / "submitted").read_text(), "-V -W depend=afterany:12.server photoz.pbs\n")
        code, log = self.run_job("photoz.pbs", SKYFOLD_ARGS="--config c.ini")
        self.assertIn("work is left: submit the same job again", log)

    def test_a_signal_reaches_the_program(self):
        self.program("skyfold", f'trap "echo asked to stop; exit 75" USR1; touch {self.folder}/started; while :; do sleep 0.05; done')
        process = self.start("photoz.pbs", SKYFOLD_ARGS="--config c.ini")
        while not (self.folder / "started").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 75)
        self.assertIn("asked to stop", log)


if __name__ == "__main__":
    support.main()
