#!/usr/bin/python3
"""Empty tasks: milliseconds of a task from its event to its record, of `skyfold pipeline run` with its journal and ledger, beside `make -j` and
snakemake (Debian; left out where it is not installed), which note nothing but files, and beside a bare start of the program.
usage: pipeline.py build/release/bin/skyfold [TASKS [SLOTS [SNAKEMAKE_TASKS]]]   (10,000 tasks on 2 slots; 1,000 of snakemake, which takes its time)"""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

SKYFOLD = str(pathlib.Path(sys.argv[1]).resolve())
TASKS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
SLOTS = int(sys.argv[3]) if len(sys.argv) > 3 else 2
SNAKEMAKE_TASKS = int(sys.argv[4]) if len(sys.argv) > 4 else min(TASKS, 1000)


def timed(words, folder):
    """Wall seconds, processor seconds with all that it has started, and the largest memory of its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.time()
    done = subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True)
    seconds = time.time() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.returncode}\n{done.stdout}{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(name, tasks, seconds):
    wall, processor = seconds
    print(f"{name:34} {tasks:7,} tasks  {1e3 * wall / tasks:8.3f} ms wall  {1e3 * processor / tasks:8.3f} ms of processors a task", flush=True)


def bare(folder):
    (folder / "bare.py").write_text(f"import os\nfor _ in range({TASKS}): os.waitpid(os.posix_spawn('/bin/true', ['true'], os.environ), 0)\n")
    told("bare start, one after another", TASKS, timed([sys.executable, "bare.py"], folder))


def skyfold(folder):
    (folder / "p.ini").write_text("[pipeline]\nname = p\ntargets = t.csv\n[task empty]\ncommand = /bin/true\non = @start\n")
    (folder / "t.csv").write_text("number\n" + "".join(f"{i}\n" for i in range(TASKS)))
    told(f"skyfold pipeline run --slots {SLOTS}", TASKS, timed([SKYFOLD, "pipeline", "run", "p.ini", "--slots", SLOTS], folder))
    told("the same again: nothing to do", TASKS, timed([SKYFOLD, "pipeline", "run", "p.ini", "--slots", SLOTS], folder))


def make(folder):
    names = " ".join(f"t{i}" for i in range(TASKS))
    (folder / "Makefile").write_text(f"all: {names}\n{names}:\n\t@/bin/true && touch $@\n.PHONY: all\n")
    told(f"make -j{SLOTS}, a shell and touch", TASKS, timed(["make", "-s", f"-j{SLOTS}"], folder))
    (folder / "Makefile").write_text(f"all: {names}\n{names}:\n\t@/bin/true\n.PHONY: all {names}\n")
    told(f"make -j{SLOTS}, no files", TASKS, timed(["make", "-s", f"-j{SLOTS}"], folder))


def snakemake(folder):
    if not shutil.which("snakemake"):
        return print("snakemake is not installed (Debian: snakemake)")
    (folder / "Snakefile").write_text(f"rule all:\n    input: expand('s{{i}}', i=range({SNAKEMAKE_TASKS}))\n"
                                      "rule empty:\n    output: 's{i,[0-9]+}'\n    shell: '/bin/true && touch {output}'\n")
    told(f"snakemake --cores {SLOTS}", SNAKEMAKE_TASKS, timed(["snakemake", "--cores", SLOTS, "--quiet", "-s", "Snakefile"], folder))


def main():
    print(f"{len(os.sched_getaffinity(0))} processors, {SLOTS} slots, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="skyfold-pipeline-") as base:
        for part in (bare, skyfold, make, snakemake):
            folder = pathlib.Path(base) / part.__name__
            folder.mkdir()
            part(folder)


if __name__ == "__main__":
    main()
