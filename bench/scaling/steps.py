"""Long runs of several commands, resumable, with memory over time.

Every step is a skyfold command, which goes on from where it was killed; run the study again and it does the rest. What
was sampled while the steps ran is kept in samples.csv, so that the times of interrupted attempts count too.
"""
import csv
import json
import pathlib
import re
import sys
import time
import typing

import drive

FIELDS = ("unix_time_s", "step", "attempt", "process", "resident_mb", "own_mb", "cpu_s", "read_mb", "written_mb")
COLOURS = ("#888888", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#e69f00", "#000000")


class Step(typing.NamedTuple):
    name: str
    ranks: int            # 0: one process, no mpirun
    words: list           # of the command
    products: list        # names in the folder
    rows: typing.Any = 0  # that it works through; 0: the objects; a function: of what it said at its end


def processes_of(output):
    """Process ids of the ranks that make `output`, in order of their start."""
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words and words[0].endswith(b"skyfold") and output.encode() in words:
            found.append(int(folder.name))
    return sorted(found)


def sample_of(pid):
    """Resident and own (not shared, not of files) memory, processor time and bytes of a process; None once it has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        io = pathlib.Path(f"/proc/{pid}/io").read_text()
        ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return None
    number = lambda pattern, text: int((re.search(pattern, text) or [0, 0])[1])
    return {"resident_mb": round(number(r"VmRSS:\s*(\d+)", status) / 1000, 1), "own_mb": round(number(r"RssAnon:\s*(\d+)", status) / 1000, 1),
            "cpu_s": sum(map(int, ticks)) / 100, "read_mb": round(number(r"rchar: (\d+)", io) / 1e6, 1),
            "written_mb": round(number(r"wchar: (\d+)", io) / 1e6, 1)}


def attempt(launcher, step, ranks, words, number, writer, file, every_s):
    """Runs a step to its end and samples its processes; its standard output."""
    output = words[words.index("--output") + 1]
    with open(f"{output}.stdout", "w+") as out:
        process = launcher.start(ranks, words, stdout=out)
        due = 0.0
        while process.poll() is None:
            now = time.time()
            if now >= due:
                due = now + every_s
                for place, pid in enumerate(processes_of(output)):
                    if sampled := sample_of(pid):
                        writer.writerow({"unix_time_s": round(now, 2), "step": step, "attempt": number, "process": place, **sampled})
                file.flush()
            time.sleep(0.05)
        out.seek(0)
        text = out.read()
    if process.returncode != 0:
        sys.exit(f"{step} ended with exit code {process.returncode}: run the study again to go on")
    return text


def do_steps(launcher, o, steps):
    """Runs what is left of the steps. facts.json tells of each finished step; samples.csv has all attempts."""
    folder = pathlib.Path(o.folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts_path, samples_path = folder / "facts.json", folder / "samples.csv"
    facts = json.loads(facts_path.read_text()) if facts_path.exists() else {"objects": o.objects, "ranks": max(step.ranks for step in steps), "threads": o.threads}
    if facts["objects"] != o.objects:
        sys.exit(f"{folder}: holds a run of {facts['objects']} objects (choose another --folder)")
    is_new = not samples_path.exists()
    with open(samples_path, "a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        for step, ranks, words, *_ in steps:
            if step in facts:
                continue
            number = 1 + max((int(row["attempt"]) for row in samples_of(samples_path) if row["step"] == step), default=0)
            print(f"{step}: attempt {number}", file=sys.stderr, flush=True)
            begin = time.time()
            text = attempt(launcher, step, ranks, words, number, writer, file, o.every)
            facts[step] = {"last_attempt_s": round(time.time() - begin, 2), "command": " ".join(["skyfold", *words]), "closing": text}
            facts_path.write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def samples_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def spans_of(samples):
    """First and last second of each attempt at a step, in their order."""
    times = {}
    for row in samples:
        times.setdefault((row["step"], int(row["attempt"])), []).append(float(row["unix_time_s"]))
    return {attempt_of: (min(found), max(found)) for attempt_of, found in sorted(times.items(), key=lambda one: min(one[1]))}


def earlier_attempts_s(samples, step, last):
    """Seconds of the attempts at a step before the last, from their first sample to their last."""
    return sum(end - begin for (name, number), (begin, end) in spans_of(samples).items() if name == step and number < last)


def rows_of(o, steps, facts, samples):
    """A row of the table for each step, and their sum."""
    folder, rows = pathlib.Path(o.folder), []
    for step, ranks, _, products, worked in steps:
        if callable(worked):
            worked = worked(facts[step]["closing"])
        mine = [row for row in samples if row["step"] == step]
        attempts = max((int(row["attempt"]) for row in mine), default=1)
        seconds = facts[step]["last_attempt_s"] + earlier_attempts_s(samples, step, attempts)
        size = sum((folder / name).stat().st_size for name in products if (folder / name).exists())
        rows.append({"step": step, "ranks": ranks or 1, "attempts": attempts, "seconds": round(seconds, 1), "rows_per_s": round((worked or o.objects) / seconds) if ranks else "",
                     "product_gb": round(size / 1e9, 2), "peak_mb_per_rank": max((float(row["resident_mb"]) for row in mine), default=0.0),
                     "peak_own_mb_per_rank": max((float(row["own_mb"]) for row in mine), default=0.0)})
    total = sum(row["seconds"] for row in rows)
    rows.append({"step": "all", "ranks": max(row["ranks"] for row in rows), "attempts": max(row["attempts"] for row in rows), "seconds": round(total, 1),
                 "rows_per_s": round(o.objects / total), "product_gb": round(sum(row["product_gb"] for row in rows), 2),
                 "peak_mb_per_rank": max(row["peak_mb_per_rank"] for row in rows),
                 "peak_own_mb_per_rank": max(row["peak_own_mb_per_rank"] for row in rows)})
    return rows


def run_study(launcher, o, name, steps, product, beside=""):
    """Does the steps; what they took is printed, kept as the study's result and drawn.

    product: what the last step makes, beside: how else it was made, both for the closing line
    """
    facts = do_steps(launcher, o, steps)
    samples = samples_of(pathlib.Path(o.folder) / "samples.csv")
    rows = rows_of(o, steps, facts, samples)
    drive.print_table(rows[0].keys(), rows)
    print(f"{o.objects:,} objects from nothing to {product} in {rows[-1]['seconds'] / 3600:.2f} h on {o.headline_ranks} ranks x {o.threads} threads{beside}")
    drive.save(o.results, name, rows, objects=o.objects, closing={step: facts[step]["closing"] for step, *_ in steps})
    if o.figures:
        draw_memory(pathlib.Path(o.figures) / f"scaling-{name}-memory.svg", steps, samples)


def busy_minutes(samples):
    """A function from a sample to the minutes of all attempts before it: what lies between attempts is nobody's time."""
    before, starts = 0.0, {}
    for attempt_of, (begin, end) in spans_of(samples).items():
        starts[attempt_of] = before - begin
        before += end - begin
    return lambda row: (float(row["unix_time_s"]) + starts[row["step"], int(row["attempt"])]) / 60


def draw_memory(path, steps, samples):
    """Resident memory of every rank over time, the steps side by side, a curve for each attempt."""
    blocks, plots, told, minutes = {}, [], set(), busy_minutes(samples)
    for number, ((step, *_), colour) in enumerate(zip(steps, COLOURS)):
        mine = [row for row in samples if row["step"] == step]
        for attempt_of, rank in sorted({(row["attempt"], row["process"]) for row in mine}):
            block = f"step{number}_{attempt_of}_{rank}"
            blocks[block] = [(minutes(row), row["resident_mb"]) for row in mine if (row["attempt"], row["process"]) == (attempt_of, rank)]
            title = "notitle" if step in told else f"title '{step}'"
            told.add(step)
            plots.append(f"${block} using 1:2 with lines lw 2 lc rgb '{colour}' {title}")
    drive.draw(path, "set xlabel 'time [min]'\nset ylabel 'resident memory of a rank [MB]'\nset yrange [0:*]\nset key outside above maxrows 3\nplot "
               + ", ".join(plots) + "\n", **blocks)
