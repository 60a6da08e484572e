"""Pipelines of which a task, what looks after it, a guest, the owner, mpirun or all of them is killed at a random moment: the same
command finishes with the same products, nothing that was done is done again, and nothing is left behind.

The schedule and the number of cases can be given by SKYFOLD_FAULT_SEED and SKYFOLD_FAULT_CASES.
"""
import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import faults
import support

SEED = int(os.environ.get("SKYFOLD_FAULT_SEED", "1"))
CASES = int(os.environ.get("SKYFOLD_FAULT_CASES", "4"))
PATIENCE_S = 120

PIPELINE = """[pipeline]
name = p
targets = images.csv
[task reduce]
command = sh reduce.sh {image} {brick} {out}
on = image
attempts = 3
emits = reduced
[task stack]
command = sh stack.sh {brick} {out}
on = reduced, all of brick
attempts = 3
emits = stacked
[task report]
command = sh report.sh {out}
on = stacked, all of *
attempts = 3
"""
SCRIPTS = {
    "reduce.sh": """echo "image $1 of brick $2" > "$3/$1.txt"
sleep 0.05
echo "reduced image=$1 file=$3/$1.txt" >> "$SKYFOLD_EVENTS"
""",
    "stack.sh": """cat p/reduce/*.txt | grep "brick $1\\$" > "$2/$1.txt"
sleep 0.05
echo "stacked file=$2/$1.txt" >> "$SKYFOLD_EVENTS"
""",
    "report.sh": """cat p/stack/*.txt > "$1/report.txt"
""",
}
IMAGES, BRICKS = 24, 4


def journal(folder):
    """The whole records of a pipeline's journal."""
    path = folder / "p/journal"
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]   # what stands behind the last line break was not written to its end
    return [json.loads(line[:-17]) for line in lines]


def products(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for name in ("reduce", "stack", "report") for path in sorted((folder / "p" / name).rglob("*")) if path.is_file()}


def processes_of(folder):
    """Those that know by their environment or their command line that they belong to this pipeline: number, parent, words."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
            state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
        except OSError:
            continue
        if state in "ZX":
            continue
        if f"SKYFOLD_PIPELINE={folder}/p".encode() in environment.split(b"\0") or str(folder / "p.ini").encode() in words:
            found[int(entry.name)] = (int(parent), words)
    return found


class PipelineKills(faults.FaultTest):
    @classmethod
    def setUpClass(cls):
        super(faults.FaultTest, cls).setUpClass()
        cls.reference_folder = cls.make_pipeline(cls.base / "reference")
        cls.skyfold("pipeline", "run", cls.reference_folder / "p.ini", "--slots", 2)
        cls.reference = products(cls.reference_folder)
        assert len(cls.reference) == IMAGES + BRICKS + 1, cls.reference
        cls.records = len(journal(cls.reference_folder))

    @staticmethod
    def make_pipeline(folder):
        folder.mkdir()
        (folder / "p.ini").write_text(PIPELINE)
        for name, text in SCRIPTS.items():
            (folder / name).write_text(text)
        (folder / "images.csv").write_text("image,brick\n" + "".join(f"i{i},b{i % BRICKS}\n" for i in range(IMAGES)))
        return folder

    def run_words(self, folder, *options):
        return ["pipeline", "run", str(folder / "p.ini"), "--slots", "2", *options]

    def wait_for_records(self, folder, count, runs):
        self.wait_for(lambda: len(journal(folder)) >= count or all(run.poll() is not None for run in runs), f"{count} records")

    def assert_nothing_is_left(self, folder, what):
        end = time.monotonic() + 30
        while processes_of(folder) and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(processes_of(folder), {}, f"{what}: processes are left")

    def assert_done_once(self, folder, what):
        """No job that was completed was started again."""
        records = journal(folder)
        self.assertEqual([record for record in records if record["r"] == "invalid"], [], what)
        completed = collections.Counter(record["job"] for record in records if record["r"] == "end" and record["how"] == "completed")
        self.assertEqual(set(completed.values()), {1}, what)
        self.assertEqual(len(completed), IMAGES + BRICKS + 1, what)
        done = set()
        for record in records:
            if record["r"] == "end" and record["how"] == "completed":
                done.add(record["job"])
            self.assertFalse(record["r"] == "start" and record["job"] in done, f"{what}: job {record.get('job')} was done twice")

    def finish(self, folder, what):
        result = self.run_skyfold(*self.run_words(folder), timeout=PATIENCE_S)
        self.assertEqual(result.code, 0, f"{what}\n{result}")
        self.check(folder, what)

    def check(self, folder, what):
        self.assertEqual(products(folder), self.reference, what)
        self.assert_done_once(folder, what)
        self.assert_nothing_is_left(folder, what)

    def start_scene(self, rng, folder):
        """An owner with guests: processes that a user has started, or ranks of mpirun. @returns its launchers"""
        if rng.random() < 0.4:
            return [self.start(*self.run_words(folder), ranks=3)]
        owner = self.start(*self.run_words(folder), ranks=0)
        self.wait_for(lambda: (folder / "p/lock").exists() or owner.poll() is not None, "the owner")
        return [owner, *(self.start(*self.run_words(folder, "--join"), ranks=0) for _ in range(2))]

    def owner_of(self, folder):
        """The number of the process that holds the pipeline's lock."""
        try:
            return int((folder / "p/lock").read_text().split()[1])
        except (OSError, IndexError):
            return None

    def victims(self, rng, folder, runs):
        """What is killed: its name, and the numbers of processes."""
        known = processes_of(folder)
        owner = self.owner_of(folder)
        tasks = [pid for pid, (_, words) in known.items() if any(word.endswith(b".sh") for word in words)]
        keepers = {known[pid][0] for pid in tasks} & set(known)
        mains = {pid for pid, (_, words) in known.items() if b"pipeline" in words} - {run.pid for run in runs if len(runs) == 1}
        guests = sorted(pid for pid in mains if pid != owner and known[pid][0] not in mains)
        choices = {"task": tasks[:1], "keeper": sorted(keepers)[:1], "guest": guests[:1], "owner": [owner] if owner else [],
                   "launcher": [runs[0].pid], "all": [*known, *(run.pid for run in runs)]}
        name = rng.choice(sorted(name for name, pids in choices.items() if pids))
        return name, choices[name]

    def one_case(self, case):
        rng = random.Random(1000 * SEED + case)
        folder = self.make_pipeline(self.folder / str(case))
        runs = self.start_scene(rng, folder)
        self.wait_for_records(folder, rng.randrange(1, int(0.9 * self.records)), runs)
        time.sleep(rng.uniform(0, 0.06))
        name, pids = self.victims(rng, folder, runs)
        what = f"seed {SEED}, case {case}, {len(runs)} launchers, {name} killed"
        for pid in pids:
            self.send(pid, signal.SIGKILL)
        for run in runs:
            code, _, err = self.end(run, timeout=PATIENCE_S)
            self.assertNotIn("defect", err, what)
            if name in ("task", "keeper"):
                self.assertEqual(code, 0, f"{what}: {err}")
        if name == "owner" and len(runs) == 3:
            self.check(folder, f"{what}: a guest should have taken over")
        self.finish(folder, what)
        return name

    def test_a_killed_pipeline_goes_on_and_gives_the_same_products(self):
        print(collections.Counter(self.one_case(case) for case in range(CASES)))

    def test_a_guest_takes_over_from_a_dead_owner(self):
        folder = self.make_pipeline(self.folder / "takeover")
        owner = self.start(*self.run_words(folder), ranks=0)
        self.wait_for_records(folder, 10, [owner])
        guest = self.start(*self.run_words(folder, "--join"), ranks=0)
        self.wait_for_records(folder, self.records // 2, [owner])
        self.send(owner.pid, signal.SIGKILL)
        self.end(owner)
        code, _, err = self.end(guest, timeout=PATIENCE_S)
        self.assertEqual(code, 0, err)
        self.assertIn("takes over", err)
        self.check(folder, "takeover")

    def test_guests_share_the_work(self):
        folder = self.make_pipeline(self.folder / "shared")
        runs = [self.start(*self.run_words(folder), ranks=3)]
        code, _, err = self.end(runs[0], timeout=PATIENCE_S)
        self.assertEqual(code, 0, err)
        self.assertGreaterEqual(len({record["agent"] for record in journal(folder) if record["r"] == "start"}), 2, err)
        self.check(folder, "shared")

    def test_without_a_run_there_is_nothing_to_join(self):
        folder = self.make_pipeline(self.folder / "nobody")
        result = self.run_skyfold(*self.run_words(folder, "--join"))
        self.assertEqual(result.code, 2, result)
        self.assertIn("no run of this pipeline goes on", result.err)


if __name__ == "__main__":
    support.main()
