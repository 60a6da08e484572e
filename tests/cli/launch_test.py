"""launch: a command on ranks, restarts, signals. Where mpirun has to misbehave, a script stands in for it."""
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

USAGE, DATA, IO, STOPPED = 2, 3, 4, 75
PATIENCE_S = 60  # for what happens at once on an idle machine


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Launch(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 20_000, "--seed", 3, "--spectroscopic", 0.05, "--output", cls.catalogue, "--threads", 1)
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.base / "survey.spec.h5", "--output", cls.model, "--dnf.neighbours", 40)
        cls.reference = str(cls.base / "reference.h5")
        cls.skyfold(*cls.estimate(cls.reference))
        cls.mpirun = " ".join(support.mpirun(2)[:-2])  # without -n

    @classmethod
    def estimate(cls, output, *words):
        return ["photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", output, "--threads", 1,
                "--partition.by", "rows", "--partition.rows", 500, "--partitions-per-job", 1, *words]

    def script(self, text):
        """A program that stands in for mpirun; it is called with -n RANKS, if given, and the command."""
        path = self.folder / "launcher"
        path.write_text("#!/bin/bash\ncd '" + str(self.folder) + "'\n" + text)
        path.chmod(0o755)
        return str(path)

    def launch(self, launcher, *command, options=()):
        return self.run_skyfold("launch", "--launcher", launcher, "--backoff", 0.1, *options, "--", *command)

    def start(self, launcher, *command, options=()):
        """Starts launch and returns at once."""
        words = ["launch", "--launcher", launcher, *options, "--", *command]
        process = subprocess.Popen([support._binary[0], *map(str, words)], env=support.environment(self.base),
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_until(self, condition, what):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), end, f"in vain: {what}")
            time.sleep(0.02)

    def wait_for_file(self, name):
        """Content of a file that a script writes, as soon as it has a whole line."""
        path = self.folder / name
        self.wait_until(lambda: path.exists() and path.read_text().endswith("\n"), name)
        return path.read_text().split()

    # --- a command that runs ---------------------------------------------------------------------

    def test_runs_the_command_on_ranks(self):
        output = self.path("z.h5")
        result = self.launch(self.mpirun, *self.estimate(output), options=["-n", 2])
        self.assertEqual(result.code, 0, str(result))
        self.assertIn("on 2 ranks x 1 thread", result.out)
        self.assertEqual(support.read_bytes(output), support.read_bytes(self.reference))

    def test_hands_the_command_over_as_it_is(self):
        launcher = self.script('printf "%s|" "$@" > words; echo >> words; touch x.h5\n')
        self.launch(launcher, "mock", "--output", self.path("x.h5"), "--objects", "10", options=["-n", 3])
        words = (self.folder / "words").read_text().strip().split("|")
        self.assertEqual(words[:2] + words[3:-1], ["-n", "3", "mock", "--output", self.path("x.h5"), "--objects", "10"])
        self.assertTrue(os.path.samefile(words[2], support._binary[0]))

    def test_finds_the_output_in_a_configuration_file(self):
        config = self.folder / "mock.ini"
        config.write_text(f"output = {self.path('m.h5')}\nobjects = 100\nseed = 1\n")
        result = self.launch(self.mpirun, "mock", "--config", config, options=["-n", 1])
        self.assertEqual(result.code, 0, str(result))
        self.assertTrue(os.path.exists(self.path("m.h5")))

    def test_returns_the_exit_code_of_the_command(self):
        for code in (1, 2, 3, 4, 5, 75):
            result = self.launch(self.script(f"exit {code}\n"), *self.estimate(self.path("z.h5")))
            self.assertEqual(result.code, code, str(result))
            self.assertEqual(result.err.count("starting"), 1)
        table = support.make_csv(self.path("t.csv"), {"ra": [10.0], "dec": [95.0]})
        result = self.launch(self.mpirun, "import", "--input", table, "--output", self.path("c.h5"), options=["-n", 1])
        self.assertEqual(result.code, DATA, str(result))

    # --- errors ----------------------------------------------------------------------------------

    def test_errors_are_one_line(self):
        output = self.path("z.h5")
        cases = [
            (USAGE, r"no command to start", []),
            (USAGE, r"no command to start", ["--"]),
            (USAGE, r"no command 'fotoz'", ["--", "fotoz", "--output", output]),
            (USAGE, r"unknown option 'catalouge' \(did you mean 'catalogue'", ["--", "photoz", "--catalouge", "c.h5"]),
            (USAGE, r"mock: --output is missing", ["--", "mock", "--objects", 10]),
            (USAGE, r"launch cannot start launch", ["--", "launch", "--", "mock"]),
            (USAGE, r"--threads belongs to the command behind --", ["--threads", 2, "--", "mock", "--output", output]),
            (USAGE, r"attempts = 0 \(must be in 1 to", ["--attempts", 0, "--", "mock", "--output", output]),
            (USAGE, r"--launcher is empty", ["--launcher", " ", "--", "mock", "--output", output]),
            (IO, r"cannot start '/no/such/mpirun': No such file or directory", ["--launcher", "/no/such/mpirun", "--", "mock", "--output", output]),
        ]
        for code, pattern, words in cases:
            with self.subTest(pattern):
                result = self.run_skyfold("launch", *words)
                self.assertEqual(result.code, code, str(result))
                errors = [line for line in result.errors() if " starting " not in line]
                self.assertEqual(len(errors), 1, str(result))
                self.assertRegex(errors[0], pattern)
                self.assertFalse(os.path.exists(output))

    # --- restarts --------------------------------------------------------------------------------

    def test_starts_again_after_the_loss_of_mpirun(self):
        # The first attempt is killed as soon as the journal has grown; its ranks stay behind.
        output = self.path("z.h5")
        launcher = self.script(f"""
            if [ -e second ]; then exec {self.mpirun} "$@"; fi
            touch second
            {self.mpirun} "$@" &
            while [ "$(stat -c %s '{output}.run/journal' 2>/dev/null || echo 0)" -lt 8000 ]; do sleep 0.01; done
            kill -9 $!
            kill -9 $$
            """)
        result = self.launch(launcher, *self.estimate(output), options=["-n", 2])
        self.assertEqual(result.code, 0, str(result))
        self.assertRegex(result.err, r"attempt 1 ended with signal KILL after .* s; it completed [1-9]\d* ranges")
        self.assertEqual(support.read_bytes(output), support.read_bytes(self.reference))

    def test_starts_again_after_the_loss_of_a_rank(self):
        output = self.path("z.h5")
        launcher = self.script(f"""
            if [ -e second ]; then exec {self.mpirun} "$@"; fi
            touch second
            {self.mpirun} "$@" &
            while [ "$(stat -c %s '{output}.run/journal' 2>/dev/null || echo 0)" -lt 8000 ]; do sleep 0.01; done
            kill -9 $(ps -o pid= --ppid $! | tail -n 1)
            wait $!
            """)
        result = self.launch(launcher, *self.estimate(output), options=["-n", 2])
        self.assertEqual(result.code, 0, str(result))
        self.assertRegex(result.err, r"attempt 1 ended with exit code 137 after .* s; it completed [1-9]\d* ranges")
        self.assertEqual(support.read_bytes(output), support.read_bytes(self.reference))

    def test_gives_up_when_there_is_no_progress(self):
        result = self.launch(self.script("exit 137\n"), *self.estimate(self.path("z.h5")), options=["--attempts", 3])
        self.assertEqual(result.code, IO, str(result))
        self.assertEqual(result.err.count("starting"), 3)
        self.assertRegex(result.err, r"attempt 2 follows in 0\.2 s\n(.*\n)*.*attempt 3 follows in 0\.4 s\n")
        self.assertEqual(result.errors()[-1], "skyfold: gave up after 3 attempts in a row without progress (the last one ended with exit code 137)")

    def test_takes_success_without_an_output_for_a_failure(self):
        result = self.launch(self.script("exit 0\n"), *self.estimate(self.path("z.h5")), options=["--attempts", 2])
        self.assertEqual(result.code, IO, str(result))
        self.assertIn("ended with exit code 0 but without an output", result.err)

    def test_does_not_start_afresh_at_a_restart(self):
        launcher = self.script('echo "$@" >> words; [ $(wc -l < words) = 2 ] && touch z.h5 && exit 0; exit 137\n')
        fresh = ["--fresh"] if "--fresh" in self.skyfold("photoz", "--help").out else None
        if not fresh:
            self.skipTest("photoz has no --fresh")
        self.assertEqual(self.launch(launcher, *self.estimate(self.path("z.h5"), *fresh)).code, 0)
        first, second = (self.folder / "words").read_text().splitlines()
        self.assertIn("--fresh", first)
        self.assertNotIn("--fresh", second)

    def test_stops_when_the_check_before_a_restart_fails(self):
        allowed = self.script("exit 137\n")
        check = self.folder / "check"
        check.write_text(f"#!/bin/bash\necho >> {self.folder}/asked; [ $(wc -l < {self.folder}/asked) -lt 3 ]\n")
        check.chmod(0o755)
        result = self.launch(allowed, *self.estimate(self.path("z.h5")), options=["--check", check])
        self.assertEqual(result.code, STOPPED, str(result))
        self.assertEqual(result.err.count("starting"), 2)  # asked before and after each pause
        self.assertRegex(result.err, r"no restart: \S+ ended with exit code 1")

    def test_what_an_attempt_leaves_behind_is_gone_before_the_next(self):
        # Like ranks whose mpirun was killed: process groups and sessions of their own, and no parent.
        launcher = self.script("""
            if [ -e left ]; then for pid in $(cat left); do kill -0 $pid 2>/dev/null && echo $pid >> alive; done; touch z.h5; exit 0; fi
            (setsid bash -c 'trap "" TERM; sleep 1000 & echo $$ $! > some; wait' &)
            while [ ! -s some ]; do sleep 0.02; done
            sleep 1000 & echo $(cat some) $! > left
            kill -9 $$
            """)
        result = self.launch(launcher, *self.estimate(self.path("z.h5")))
        self.assertEqual(result.code, 0, str(result))
        self.assertIn("ended 3 processes left behind", result.err)
        self.assertFalse((self.folder / "alive").exists())

    def test_ends_a_launcher_that_stays_after_the_run(self):
        launcher = self.script(f'{self.mpirun} "$@"; echo $$ > stays; exec sleep 1000\n')
        output = self.path("z.h5")
        result = self.launch(launcher, *self.estimate(output), options=["-n", 1, "--patience", 1])
        self.assertEqual(result.code, 0, str(result))
        self.assertRegex(result.err, r"the run has ended with exit code 0, but its launcher stays: ending it")
        self.assertFalse(is_alive(int(self.wait_for_file("stays")[0])))
        self.assertEqual(support.read_bytes(output), support.read_bytes(self.reference))

    # --- signals ---------------------------------------------------------------------------------

    WAITING = """
        trap 'echo USR1 >> got; [ -e stubborn ] || exit 75' USR1
        trap 'echo TERM >> got; exit 143' TERM
        echo $$ > started
        while :; do sleep 0.02; done
        """

    def test_asks_the_ranks_to_stop_on_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with self.subTest(number.name):
                for name in ("got", "started"):
                    (self.folder / name).unlink(missing_ok=True)
                process = self.start(self.script(self.WAITING), *self.estimate(self.path("z.h5")))
                self.wait_for_file("started")
                process.send_signal(number)
                self.assertEqual(process.wait(PATIENCE_S), STOPPED)
                self.assertEqual(self.wait_for_file("got"), ["USR1"])
                self.assertIn(f"got {number.name}: asking the ranks to stop", process.stderr.read())

    def test_a_stop_that_also_hits_mpirun_is_a_stop(self):
        # A batch system may signal all processes of a job; mpirun then returns 1.
        process = self.start(self.script("trap 'exit 1' TERM\necho > started\nwhile :; do sleep 0.02; done\n"), *self.estimate(self.path("z.h5")))
        self.wait_for_file("started")
        launcher = subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(process.pid)], text=True).split()
        process.send_signal(signal.SIGSTOP)  # so that both come at once
        process.send_signal(signal.SIGTERM)
        os.kill(int(launcher[0]), signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        self.assertEqual(process.wait(PATIENCE_S), STOPPED)

    def test_passes_a_second_signal_on(self):
        (self.folder / "stubborn").touch()
        process = self.start(self.script(self.WAITING), *self.estimate(self.path("z.h5")))
        self.wait_for_file("started")
        process.send_signal(signal.SIGTERM)
        self.wait_for_file("got")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_S), STOPPED)
        self.assertEqual(self.wait_for_file("got"), ["USR1", "TERM"])

    def test_stops_in_the_pause_before_a_restart(self):
        process = self.start(self.script("echo > started; exit 137\n"), *self.estimate(self.path("z.h5")), options=["--backoff", 300])
        self.wait_for_file("started")
        line = ""
        while "follows in" not in line:
            line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_S), STOPPED)

    def test_takes_its_launcher_along_when_it_is_killed(self):
        process = self.start(self.script(self.WAITING), *self.estimate(self.path("z.h5")))
        pid = int(self.wait_for_file("started")[0])
        process.kill()
        self.wait_until(lambda: not is_alive(pid), "the end of the launcher")
        self.assertEqual(self.wait_for_file("got"), ["TERM"])


class WithoutLauncher(support.SkyfoldTest):
    def test_processes_have_no_folder_in_common(self):
        """Open MPI's session folder would be the same for all of them, and the first to end would take it from the others."""
        done = subprocess.run([support._binary[0], "mock", "--objects", "100", "--output", str(self.folder / "a.h5"), "--project", "none", "--threads", "1"],
                              env=dict(support.environment(self.base), TMPDIR="/dev/null/nowhere"), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    support.main()
