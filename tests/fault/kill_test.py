"""Kills at random moments, from a seeded schedule: the same command finishes with the bytes of an undisturbed run.

The schedule and the number of cases can be given by SKYFOLD_FAULT_SEED and SKYFOLD_FAULT_CASES.
"""
import concurrent.futures
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import time

import faults
import support

SEED = int(os.environ.get("SKYFOLD_FAULT_SEED", "1"))
CASES = int(os.environ.get("SKYFOLD_FAULT_CASES", "110"))
AT_ONCE = 3   # the runs sleep most of the time


class Killing(faults.FaultTest):
    records = {}   # of the journal of an undisturbed run, by command

    def kill_once(self, rng, command, output, ranks):
        """Starts the command and kills something of it at a random moment; returns what was killed and how the run ended.

        The moment is one of the run, not of the clock: a number of records in its journal, so that a fast machine and a busy one kill
        alike; or, in one case of five, a time so soon that there may be no journal yet.
        """
        seconds = {"photoz": 0.03, "patch": 0.01, "locus": 0.02}.get(command, 0.15)   # they have partitions of different numbers
        slow = [] if command == "query" else ["--farm.fault", f"sleep={seconds}@*"]  # that has no farm
        there = len(faults.journal(output))
        run = self.start(*self.words(command, output), *slow, ranks=ranks)
        if self.records[command] == 0 or rng.random() < 0.2:
            time.sleep(rng.uniform(0.05, 0.3))
        else:
            record = there + rng.randrange(max(1, int(0.9 * (self.records[command] - there))))
            while len(faults.journal(output)) <= record and run.poll() is None:
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.03))
        victims = {"worker": lambda pids: pids[-1:], "rank 0": lambda pids: pids[:1], "mpirun": lambda pids: [run.pid],
                   "all": lambda pids: [run.pid, *pids]}
        victim = rng.choice(sorted(victims))
        killed = victims[victim](self.ranks_of(run))
        for pid in killed:
            self.send(pid, signal.SIGKILL)
        try:
            code, _, err = self.end(run, timeout=30)
        except subprocess.TimeoutExpired:
            # Now and then mpirun itself does not end after the death of one of its ranks; `end` has killed it. A run of
            # which nothing was killed has no such excuse.
            self.assertTrue(killed, f"{command} hangs though nothing of it was killed")
            print(f"{command}: mpirun hung after the death of {victim}")
            return victim, -signal.SIGKILL
        self.assertNotIn("defect", err)
        return victim, code


class Kills(Killing):
    def one_case(self, case):
        """Returns how many runs were killed and how many ended before that."""
        rng = random.Random(1000 * SEED + case)
        command = rng.choice(["photoz", "photoz", "photoz", "import", "mock", "patch", "match", "locus", "validate"])
        output = self.path(f"{case}.h5")
        what = f"seed {SEED}, case {case}, {command}"
        codes = []
        for _ in range(rng.choice([1, 1, 1, 2])):  # sometimes the next attempt is killed, too
            victim, code = self.kill_once(rng, command, output, rng.choice([2, 3]))
            codes.append(code)
        ranks = rng.choice([0, 2, 3, 4])
        if command == "photoz":
            words = [*self.words(command, output, rng.choice([400, 400, 1000, 123])), "--partitions-per-job", rng.choice(["auto", "1", "5"])]
        elif command == "locus":
            words = self.words(command, output, rng.choice([400, 1000, 123]))
        else:
            words = self.words(command, output)
        result = self.run_skyfold(*words, ranks=ranks)
        self.assertEqual(result.code, 0, f"{what}, {victim} killed\n{result}")
        self.assert_reference(command, output, f"{what}, {victim} killed")
        if command != "locus":   # it does whole partitions, which may have been cut otherwise
            self.assert_nothing_done_twice(output, what)
        for path in self.products(command, output):
            os.remove(path)
        return sum(code != 0 for code in codes), sum(code == 0 for code in codes)

    def test_a_killed_run_goes_on_and_gives_the_same_bytes(self):
        for command in ("photoz", "import", "mock", "patch", "match", "locus", "validate"):
            self.reference(command)
            self.records[command] = len(faults.journal(str(self.base / f"reference_{command}.h5")))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            counts = list(pool.map(self.one_case, range(CASES)))
        kills, early = (sum(column) for column in zip(*counts))
        print(f"{CASES} cases, {kills} runs killed, {early} ended before their kill")
        with sqlite3.connect(self.base / "skyfold.db") as registry:
            self.assertEqual(registry.execute("PRAGMA integrity_check").fetchone()[0], "ok")
            ended = registry.execute("SELECT count(*) FROM process WHERE state = 'done'").fetchone()[0]
        self.assertGreaterEqual(ended, CASES, "a run that goes on after a kill is not in the registry")
        self.assertGreaterEqual(kills, CASES * 10 // 11, "the kills come too late to test anything")


class DatabaseKills(Killing):
    """What the database answers with: statistics, joins, maps, exports; and searches, which keep nothing of an earlier attempt."""

    COMMANDS = ("aggregate", "visits", "pairs", "sky-map", "dedup", "original", "query")

    @classmethod
    def setUpClass(cls):
        super(faults.FaultTest, cls).setUpClass()
        cls.references, cls.records = {}, {}
        cls.skyfold("mock", "--kind", "photometry", "--objects", 3000, "--photometry.measurements", 90_000, "--output", str(cls.base / "p.h5"), "--threads", 1)
        objects = support.read_group(str(cls.base / "p.h5"))
        half = {name: objects[name][::2] for name in ("id", "ra", "dec", "f475w_vega")}
        for name in ("a", "b"):
            support.make_fits(cls.base / f"{name}.fits", half if name == "a" else dict(half, id=half["id"] + 1, ra=half["ra"] + 2e-5))
        cls.skyfold("import", "--input", str(cls.base / "a.fits"), "--keep-order", "--output", str(cls.base / "a.h5"))

    def products(self, command, output):
        return [output, output + ".repeated.csv"] if command == "dedup" else [output]

    def words(self, command, output):
        base = str(self.base)
        return {"aggregate": ["aggregate", f"{base}/p.h5", "--partition.by", "rows", "--partition.rows", 100],
                "visits": ["aggregate", f"{base}/p.h5", "--by", "visit"],
                "pairs": ["match", f"{base}/p.h5", f"{base}/a.h5", "--radius", '1"', "--find", "all", "--join", "all"],
                "sky-map": ["sky-map", f"{base}/p.h5", "--nside", 4096, "--stat", "mean:f475w_vega,median:f475w_vega"],
                "dedup": ["import", "--input", f"{base}/a.fits,{base}/b.fits", "--dedup", "primary", "--dedup.tile", "file", "--memory", 64],
                "original": ["export", f"{base}/a.h5", "--format", "fits", "--order", "original"],
                "query": ["query", f"{base}/p.h5", "--where", "f475w_vega < 27", "--columns", "id,ra,f475w_vega"]}[command] + \
            ["--output", output, "--threads", 1]

    def test_a_killed_run_is_run_again_and_gives_the_same_bytes(self):
        kills = 0
        for command in self.COMMANDS:
            self.reference(command)
            self.records[command] = len(faults.journal(str(self.base / f"reference_{command}.h5")))
            rng = random.Random(f"{SEED} {command}")
            output = self.path(f"{command}.h5")
            victim, code = self.kill_once(rng, command, output, 2)
            kills += code != 0
            result = self.run_skyfold(*self.words(command, output), ranks=rng.choice([0, 3]))
            self.assertEqual(result.code, 0, f"{command}, {victim} killed\n{result}")
            self.assert_reference(command, output, f"{command}, {victim} killed")
            left = [path.name for path in pathlib.Path(output).parent.iterdir() if path.name.startswith(pathlib.Path(output).name)]
            self.assertLessEqual(set(left), {pathlib.Path(path).name + ending for path in self.products(command, output)
                                             for ending in ("", ".run")} | {pathlib.Path(output).stem + ".html"}, left)
        self.assertGreaterEqual(kills, len(self.COMMANDS) // 2, "the kills come too late to test anything")


if __name__ == "__main__":
    support.main()
