"""Kills at random moments, from a seeded schedule: the same command finishes with the bytes of an undisturbed run.

The schedule and the number of cases can be given by SKYFOLD_FAULT_SEED and SKYFOLD_FAULT_CASES.
"""
import concurrent.futures
import os
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


class Kills(faults.FaultTest):
    records = {}   # of the journal of an undisturbed run, by command

    def kill_once(self, rng, command, output, ranks):
        """Starts the command and kills something of it at a random moment; returns what was killed and how the run ended.

        The moment is one of the run, not of the clock: a number of records in its journal, so that a fast machine and a busy one kill
        alike; or, in one case of five, a time so soon that there may be no journal yet.
        """
        seconds = {"photoz": 0.03, "patch": 0.01, "locus": 0.02}.get(command, 0.15)   # they have partitions of different numbers
        slow = ["--farm.fault", f"sleep={seconds}@*"]
        there = len(faults.journal(output))
        run = self.start(*self.words(command, output), *slow, ranks=ranks)
        if rng.random() < 0.2:
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


if __name__ == "__main__":
    support.main()
