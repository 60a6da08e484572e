#!/usr/bin/env python3
"""Performance without a clock: small pieces of work may not take more instructions per object than instructions.json says.

    guard_test.py PATH_OF_GUARD_WORKLOADS [NAME...]            counts, and compares
    guard_test.py PATH_OF_GUARD_WORKLOADS --record [NAME...]   counts, and writes the numbers to instructions.json

callgrind counts what the program's workloads execute; no number depends on how fast or how busy the machine is.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

RECORD = pathlib.Path(__file__).resolve().parent / "instructions.json"
FIRST_TOLERANCE = 0.05


def why_not(build=None):
    """Why nothing can be compared here, or None."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    if "avx2" not in pathlib.Path("/proc/cpuinfo").read_text().split():
        return "the processor has no AVX2, for which kernels have code of their own"
    recorded = json.loads(RECORD.read_text())["build"]
    if build not in (None, recorded):
        return f"the numbers are of another compiler or other flags ({recorded}); this is {build}"
    return None


class Counts:
    """Instructions of workloads. One process runs them all; callgrind writes a file for each, which names it."""

    def __init__(self, program, names, folder):
        # One thread, and nothing of the user's environment, which could move the program's data in memory.
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet", f"--callgrind-out-file={folder}/counts.%p",
                   program, folder, *names]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "OMP_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
        result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
        if result.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))}\nexit code {result.returncode}\n{result.stdout}{result.stderr}")
        self.build, *lines = result.stdout.splitlines()
        self.file, self.per_object = {}, {}
        totals = dict(filter(None, map(self._read, pathlib.Path(folder).glob("counts.*"))))
        for name, objects in map(str.split, lines):
            self.per_object[name] = totals[name] / int(objects)

    def _read(self, path):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        if not name:
            return None
        self.file[name[1]] = path
        return name[1], int(re.search(r"^(?:summary|totals): (\d+)", text, re.M)[1])

    def functions(self, name):
        """Functions with the most instructions of their own, as text."""
        result = subprocess.run(["callgrind_annotate", "--auto=no", "--threshold=90", self.file[name]], capture_output=True, text=True)
        lines = re.findall(r"^ *([\d,]+ \( *[\d.]+%\)) +\S*?:(.*?)(?: \[\S*\])?$", result.stdout, re.M)
        return "\n".join(f"  {share:>22} {function[:110]}" for share, function in lines[:6])


class Guard(unittest.TestCase):
    program, names = "", []

    def test_no_work_takes_more_or_fewer_instructions_than_recorded(self):
        self.skip_if(why_not())
        record = json.loads(RECORD.read_text())
        recorded, tolerance = record["instructions_per_object"], 100 * record["tolerance"]
        with tempfile.TemporaryDirectory(prefix="skyfold_guard_") as folder:
            counts = Counts(self.program, self.names, folder)
            self.skip_if(why_not(counts.build))
            for name in sorted({*counts.per_object, *(() if self.names else recorded)}):
                with self.subTest(name):
                    if name not in recorded:
                        self.fail(f"{name} is not recorded yet: record it with --record")
                    if name not in counts.per_object:
                        self.fail(f"{name} is recorded, but there is no such work any more: record all anew with --record")
                    self.compare(name, counts, recorded[name], tolerance)

    def skip_if(self, reason):
        if reason:
            print(f"skipped: {reason}")  # what ctest looks for
            self.skipTest(reason)

    def compare(self, name, counts, recorded, tolerance):
        now = counts.per_object[name]
        change = 100 * (now / recorded - 1)
        print(f"{name:<20} {now:>12.1f} instructions per object ({change:+.2f} %)", flush=True)
        if abs(change) <= tolerance:
            return
        if change > 0:
            verdict = f"{change:.1f} % more instructions than recorded: a slower program; where that is wanted, record it with --record"
        else:
            verdict = f"{-change:.1f} % fewer instructions than recorded: a faster program; record it with --record, so that it stays so"
        self.fail(f"\n{name}: {verdict}\n{now:.1f} per object, recorded {recorded:.1f}; most of them in\n{counts.functions(name)}")


def write_record(program, names):
    with tempfile.TemporaryDirectory(prefix="skyfold_guard_") as folder:
        counts = Counts(program, names, folder)
    record = {"build": counts.build, "tolerance": FIRST_TOLERANCE, "instructions_per_object": {}}
    if RECORD.exists():
        record = json.loads(RECORD.read_text())
    if names and record["build"] != counts.build:
        raise SystemExit(f"all numbers must be of one build: {record['build']} is recorded, this is {counts.build}")
    record["build"] = counts.build
    kept = record["instructions_per_object"] if names else {}
    record["instructions_per_object"] = {**kept, **{name: round(number, 1) for name, number in counts.per_object.items()}}
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    print(RECORD.read_text(), end="")


def main():
    program, names = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    if "--record" in names:
        write_record(program, [name for name in names if name != "--record"])
        return
    Guard.program, Guard.names = program, names
    unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
