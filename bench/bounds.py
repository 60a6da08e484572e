#!/usr/bin/python3
"""What bounds each command on this machine: its rates beside what the machine can do at most, and two ranks beside one.

usage: bench/bounds.py BUILD_FOLDER [FOLDER]     (after: cmake --build BUILD_FOLDER --target skyfold machine_bench)

FOLDER, default /tmp: where inputs and products are written, on the disk that is meant; 3 GB. Needs numpy, h5py, astropy, healpy,
valgrind, objdump; takes about nine minutes. Prints the machine's ceilings, and for each command on one core

  rate       objects per second of the rank after its start; patch: of its computing, so that its counts give no shares
  arithmetic floating-point operations, as counted, over the peak of this processor in vectors (AVX2, multiply and add)
  instr.     instructions, as counted, over the most that a loop of additions reaches
  lines      lines of 64 bytes anywhere in memory over the most that the machine delivers (patch)
  disk       bytes of the products over what the disk takes with fdatasync
  files      rank-seconds in reading, writing, syncing and consolidating, over all after the start
  system     processor time in the kernel of the system, over all
  2 / 1      time after the start of one rank (or thread) over that of two
  in cache   rate with data that fit the processor's own cache over the rate: blocks of 4,096 rows, or a map of 0.8 MB
  others     processors that other programs, and other guests of the host, used meanwhile, on average: should be near 0

and names the ceiling that is nearest. Operations and instructions per object are counted under valgrind (bench/counts.py) in two small
runs, whose difference counts. Runs are in turns, and medians are taken; shares of a command that was disturbed by others are too small.
"""
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent / "scaling"))
import bounds_cases
import counts
import drive

ROUNDS = 2
FILES = ("read", "write", "sync", "consolidate")
_MOVED = re.compile(r"; read ([\d,]+) MB, wrote ([\d,]+) MB at")


def ceilings(build, folder):
    """name: (one core, all cores), per second."""
    lines = subprocess.run([f"{build}/bench/machine_bench", folder], check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    print(f"{'ceiling, per second':<20} {'one core':>12} {'all cores':>12} {'ratio':>6}")
    for line in lines:
        name, one, all_cores, unit = line.split()
        found[name] = float(one), float(all_cores)
        print(f"{name:<20} {found[name][0]:>12.4g} {found[name][1]:>12.4g} {found[name][1] / found[name][0]:>6.2f} {unit}")
    print(flush=True)
    return found


def remove_products(folder):
    for path in folder.glob("out.*"):
        if not path.is_dir():
            path.unlink()
        elif (path / "skyfold-run").exists():  # nobody else's folder
            shutil.rmtree(path)


def busy_seconds():
    """Processor seconds of all programs, and those that the host took away, since the machine started."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def run(launcher, inputs, case, words, workers):
    """One run: seconds from outside, of the start, of phases; bytes; processor seconds of it and of others."""
    remove_products(inputs.folder)
    words = [*map(str, words), "--output", str(inputs.folder / "out.h5"), "--threads", "1" if case.on_ranks else str(workers), *bounds_cases.ALONE]
    before, busy = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds()
    wall, text = launcher.run(workers if case.on_ranks else 0, *words)
    after, busy = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds() - busy
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    result = {"wall": wall, "work": wall, "user": user, "system": system, "others": (busy - user - system) / wall, "phases": None, "wrote": 0.0}
    if moved := _MOVED.search(text):
        phases = drive.phases_of(text)
        result |= {"phases": phases, "work": (sum(phases.values()) - phases["start"]) / workers, "wrote": 1e6 * float(moved[2].replace(",", ""))}
    return result


def measure(launcher, inputs, case, variant):
    if variant == "few":   # the start of commands that do not tell of it
        return run(launcher, inputs, case, case.words(inputs, case.counted[0]), 1)
    words = case.in_cache if variant == "in cache" else case.words
    return run(launcher, inputs, case, words(inputs, case.objects), 2 if variant == 2 else 1)


def median(runs, value):
    return statistics.median(value(one) for one in runs)


def seconds_of(case, runs, few):
    """That grow with the number of objects."""
    if case.only_computing:
        return median(runs, lambda r: r["phases"]["compute"])
    return median(runs, lambda r: r["work"]) - (median(few, lambda r: r["wall"]) if few else 0.0)


def row_of(case, runs, count, peak):
    few = runs.get("few")
    objects = case.objects - (case.counted[0] if few else 0)
    rate = objects / seconds_of(case, runs[1], few)
    shares = {"arithmetic": rate * (count.single / peak["float_avx2"][0] + count.double / peak["double_avx2"][0]),
              "instr.": rate * count.instructions / peak["instructions"][0], "lines": rate * case.lines / peak["random_lines"][0],
              "disk": median(runs[1], lambda r: r["wrote"] / r["work"]) / peak["write_disk"][0]}
    if case.only_computing:   # what was counted ran in other phases too
        shares["arithmetic"] = shares["instr."] = 0.0
    per_tick = "-" if case.only_computing else f"{rate * count.instructions / peak['clock'][0]:.2f}"
    row = {"command": case.name, "rate": f"{rate:,.0f}", "instr./object": f"{count.instructions:,.0f}",
           "flop/object": f"{count.single + count.double:,.0f}", "instr./tick": per_tick}
    row |= {name: f"{100 * share:.0f}%" if share else "-" for name, share in shares.items()}
    has_phases = runs[1][0]["phases"] is not None
    row["files"] = f"{100 * median(runs[1], lambda r: sum(r['phases'][p] for p in FILES) / r['work']):.0f}%" if has_phases else "-"
    row["system"] = f"{100 * median(runs[1], lambda r: r['system'] / (r['user'] + r['system'])):.0f}%"
    # By pairs of the same round, so that drift of the machine meets both.
    start = median(few, lambda r: r["wall"]) if few else 0.0
    row["2 / 1"] = f"{statistics.median((one['work'] - start) / (two['work'] - start) for one, two in zip(runs[1], runs[2])):.2f}"
    row["in cache"] = f"{seconds_of(case, runs[1], few) / seconds_of(case, runs['in cache'], few):.2f}" if "in cache" in runs else "-"
    row["others"] = f"{statistics.mean(r['others'] for variant in (1, 2) for r in runs[variant]):.1f}"
    row["nearest"] = max(shares, key=shares.get)
    return row


def counted_commands(inputs, cases):
    commands = {}
    for case in cases:
        words = case.in_cache if case.counts_in_cache else case.words
        commands[case.name] = [(n, [inputs.launcher.binary, *map(str, words(inputs, n)), "--output", str(inputs.folder / f"counted.{n}.h5"),
                                    "--threads", "1", *bounds_cases.ALONE]) for n in case.counted]
        for _, command in commands[case.name]:   # the two runs are at the same time
            if "--fits" in command:
                command[command.index("--fits") + 1] = command[command.index("--output") + 1] + ".fits"
    return commands


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="skyfold_bounds_", dir=sys.argv[2] if len(sys.argv) == 3 else None) as name:
        folder = pathlib.Path(name)
        launcher = drive.Launcher(build / "bin" / "skyfold", 0)
        inputs = bounds_cases.Inputs(launcher, folder)
        cases = {case.name: case for case in bounds_cases.all_cases()}
        peak = ceilings(build, name)
        count = counts.per_object(counted_commands(inputs, cases.values()), launcher.environment, folder)
        for case in cases.values():   # inputs are made, and come from the page cache
            case.words(inputs, case.objects), case.in_cache and case.in_cache(inputs, case.objects)
        variants = [(case.name, variant) for case in cases.values() for variant in (1, 2, "in cache", "few")]
        has_phases = {case.name: case.on_ranks and case.name != "validate" for case in cases.values()}
        variants = [(case, variant) for case, variant in variants
                    if not (variant == "in cache" and not cases[case].in_cache) and not (variant == "few" and has_phases[case])]
        measured = drive.in_turns(variants, ROUNDS, lambda pair: measure(launcher, inputs, cases[pair[0]], pair[1]))
        runs_of = lambda name: {variant: runs for (case, variant), runs in measured.items() if case == name}
        rows = [row_of(case, runs_of(name), count[name], peak) for name, case in cases.items()]
        drive.print_table(rows[0].keys(), rows)


if __name__ == "__main__":
    main()
