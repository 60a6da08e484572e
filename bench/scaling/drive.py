"""What the studies share: running skyfold on ranks and reading its accounting, tables, figures, the machine's description."""
import csv
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

PHASES = ("start", "wait", "dispatch", "read", "compute", "write", "sync", "consolidate", "other")
_ROW = re.compile(r"^(\w+) +([\d.]+) +[\d.]+%", re.MULTILINE)


class Launcher:
    """Starts skyfold on ranks: by mpirun on this machine; on the nodes of a Slurm allocation by srun where Slurm has the
    plugin for PMIx, and by mpirun, which knows the allocation, where it has not."""

    def __init__(self, binary, nodes):
        self.binary = str(pathlib.Path(binary).resolve())
        self.environment = dict(os.environ, HDF5_USE_FILE_LOCKING="FALSE")
        as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        self.words = ["mpirun", *as_root, "--bind-to", "none"]
        if not nodes:   # ranks may outnumber the cores: Open MPI must not wait actively
            self.words.append("--oversubscribe")
            self.environment.update(OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_mpi_yield_when_idle="1")
        elif "pmix" in subprocess.run(["srun", "--mpi=list"], capture_output=True, text=True).stdout.split():
            self.words = ["srun", "--mpi=pmix"]

    def command(self, ranks, words):
        return [*self.words, "-n", str(ranks), self.binary, *words] if ranks else [self.binary, *words]

    def start(self, ranks, words, **popen):
        return subprocess.Popen(self.command(ranks, words), text=True, env=self.environment, **popen)

    def run(self, ranks, *words):
        """Wall seconds and standard output of a run that must succeed. Without ranks: one process, no mpirun."""
        begin = time.perf_counter()
        done = subprocess.run(self.command(ranks, words), capture_output=True, text=True, env=self.environment)
        seconds = time.perf_counter() - begin
        if done.returncode != 0:
            sys.exit(f"{' '.join(done.args)}\nexit code {done.returncode}\n{done.stderr}")
        return seconds, done.stdout


def phases_of(output):
    """Rank-seconds by phase from a command's closing table; they sum to ranks x wall time."""
    found = {name: float(seconds) for name, seconds in _ROW.findall(output)}
    return {name: found[name] for name in PHASES}


def in_turns(cases, rounds, measure):
    """Measures every case once a round, forwards and backwards in turn, so that drift of the machine meets all alike.

    Returns a list of measurements for each case.
    """
    results = {case: [] for case in cases}
    for number in range(rounds):
        for case in cases if number % 2 == 0 else reversed(cases):
            results[case].append(measure(case))
            print(f"round {number + 1} of {rounds}: {case}", file=sys.stderr, flush=True)
    return results


def print_table(columns, rows):
    """Rows of a table with right-aligned columns; numbers as they are formatted by the caller."""
    cells = [list(columns)] + [[str(row[name]) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def save(folder, name, rows, **facts):
    """The rows of a study as NAME.csv, and with the machine and further facts as NAME.json."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / f"{name}.json").write_text(json.dumps({"machine": machine(), **facts, "rows": rows}, indent=1) + "\n")
    print(f"wrote {folder / name}.csv, .json", file=sys.stderr)


def draw(path, commands, **blocks):
    """An SVG figure by gnuplot; `blocks` become data blocks $name of the commands."""
    script = [f"set terminal svg size 900,560 font 'Helvetica,15' background rgb 'white'\nset output '{path}'\nset grid lc rgb '#dddddd'\n"]
    for name, rows in blocks.items():
        lines = "\n".join(" ".join(str(value) for value in row) for row in rows)
        script.append(f"${name} << EOD\n{lines}\nEOD\n")
    subprocess.run(["gnuplot"], input="".join(script) + commands, text=True, check=True)
    print(f"drew {path}", file=sys.stderr)


def machine():
    """What a reader needs to know of this machine."""
    def first(pattern, path, default="unknown"):
        try:
            found = re.search(pattern, pathlib.Path(path).read_text())
        except OSError:
            found = None
        return found.group(1).strip() if found else default

    mpi = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout.splitlines() if shutil.which("mpirun") else []
    return {"processor": first(r"model name\s*: (.*)", "/proc/cpuinfo"), "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(int(first(r"MemTotal:\s*(\d+)", "/proc/meminfo", "0")) / 2**20, 1),
            "system": first(r'PRETTY_NAME="(.*)"', "/etc/os-release"), "kernel": platform.release(), "mpi": mpi[0] if mpi else "none"}
