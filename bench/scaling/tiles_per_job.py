"""Part 1 and 4: the study of tiles per job (Gschwend et al. 2018, table 2) with the real executable, beside what `rehearse`
predicts from one of its runs.

All runs with the same number of ranks compute the same; where their seconds of computing differ, the machine was faster
or slower. `at_mean_speed_s` is the wall time corrected for that: times the median of these seconds over the run's own.
"""
import itertools
import json
import pathlib
import re
import shutil
import statistics

import drive
import survey

_numbers = itertools.count()
_FIRST_LINE = re.compile(r"in ([\d.]+) s on .*; ([\d,]+) jobs;")


def measure(launcher, o, catalogue, model, ranks, per_job):
    output, outside_s, text = survey.photoz(launcher, o.folder, catalogue, model, ranks, o.threads, f"z-{ranks}-{per_job}",
                                            *partitioning(o), "--partitions-per-job", per_job)
    wall, jobs = _FIRST_LINE.search(text).groups()
    kept = f"{output}.{next(_numbers)}"   # the journal, for rehearsals
    shutil.copytree(f"{output}.run", f"{kept}.run", dirs_exist_ok=True)
    return {"wall_s": float(wall), "outside_s": outside_s, "jobs": int(jobs.replace(",", "")), **drive.phases_of(text), "kept": kept}


def partitioning(o):
    return ["--partition.by", "adaptive", "--partition.rows", str(o.tile_rows)]


def row_of(ranks, per_job, runs, compute_s):
    """Medians of the runs of a setting. The serial part is what all ranks spend before and after the farm.

    `compute_s`: rank-seconds of computing at the machine's mean speed.
    """
    median = lambda name: statistics.median(run[name] for run in runs)
    row = {"ranks": ranks, "tiles_per_job": per_job, "jobs": runs[0]["jobs"], "wall_s": round(median("wall_s"), 2),
           "spread_s": round(max(run["wall_s"] for run in runs) - min(run["wall_s"] for run in runs), 2),
           "at_mean_speed_s": round(statistics.median(run["wall_s"] * compute_s / run["compute"] for run in runs), 2)}
    serial = statistics.median((run["start"] + run["consolidate"] + run["other"]) / ranks for run in runs)
    row |= {"serial_s": round(serial, 2), "parallel_s": round(row["wall_s"] - serial, 2)}
    for phase in drive.PHASES:
        row[phase] = round(median(phase), 2)
    row["sum_over_ranks_x_wall"] = round(statistics.median(sum(run[p] for p in drive.PHASES) / (ranks * run["wall_s"]) for run in runs), 4)
    return row


def predictions(launcher, o, catalogue, output):
    """Wall seconds that `rehearse` predicts from the journal of one run, by ranks and tiles per job."""
    _, text = launcher.run(0, "rehearse", "--from", output, "--catalogue", catalogue, *partitioning(o), "--ranks", o.ranks,
                           "--ranks-per-node", str(max(map(int, o.ranks.split(",")))), "--partitions-per-job", o.tiles, "--json")
    return {(case["ranks"], case["partitions_per_job"]): case["wall_s"] for case in json.loads(text)["cases"]}


def draw(path, rows):
    blocks, plots = {}, []
    colours = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
    for colour, ranks in zip(colours, sorted({row["ranks"] for row in rows})):
        fixed = [row for row in rows if row["ranks"] == ranks and row["tiles_per_job"] != "auto"]
        automatic = [row for row in rows if row["ranks"] == ranks and row["tiles_per_job"] == "auto"]
        blocks[f"measured_{ranks}"] = [(row["tiles_per_job"], row["at_mean_speed_s"], row["predicted_s"]) for row in fixed]
        plots += [f"$measured_{ranks} using 1:2 with points pt 7 lc rgb '{colour}' title '{ranks} rank{'s' * (ranks > 1)}'",
                  f"$measured_{ranks} using 1:3 with lines dt 2 lc rgb '{colour}' notitle"]
        if automatic:
            plots.append(f"{automatic[0]['at_mean_speed_s']} with lines lc rgb '{colour}' notitle")
    drive.draw(path, "set xlabel 'tiles per job'\nset ylabel 'wall time [s]'\nset logscale x\nset xtics (1,2,4,8,12,16,24,32)\nset xrange [0.9:36]\nset yrange [0:*]\nset key outside\n"
               "set title 'points: measured; dashed: rehearsed; lines: automatic jobs'\nplot " + ", ".join(plots) + "\n", **blocks)


def mean_compute_s(runs, ranks):
    """Rank-seconds of computing of the median run with this number of ranks."""
    return statistics.median(run["compute"] for (of_ranks, _), measured in runs.items() if of_ranks == ranks for run in measured)


def study(launcher, o):
    objects = o.objects or 600_000
    catalogue, model = survey.prepare(launcher, o.folder, objects)
    cases = [(int(ranks), per_job) for ranks in o.ranks.split(",") for per_job in o.tiles.split(",")]
    runs = drive.in_turns(cases, o.rounds, lambda case: measure(launcher, o, catalogue, model, *case))
    rows = [row_of(*case, runs[case], mean_compute_s(runs, case[0])) for case in cases]
    teller = (2, "auto") if (2, "auto") in runs else cases[0]
    typical = min(runs[teller], key=lambda run: abs(run["compute"] - mean_compute_s(runs, teller[0])))
    predicted = predictions(launcher, o, catalogue, typical["kept"])
    fixed = [row for row in rows if row["tiles_per_job"] != "auto"] or rows
    best = {ranks: min(row["at_mean_speed_s"] for row in fixed if row["ranks"] == ranks) for ranks, _ in cases}
    for row in rows:
        row["predicted_s"] = round(predicted[row["ranks"], row["tiles_per_job"]], 2)
        row["predicted_over_measured"] = round(row["predicted_s"] / row["at_mean_speed_s"], 3)
        row["over_best_fixed"] = round(row["at_mean_speed_s"] / best[row["ranks"]], 3)
    drive.print_table([name for name in rows[0] if name not in ("other", "sum_over_ranks_x_wall")], rows)
    drive.save(o.results, "tiles-per-job", rows, rounds=o.rounds, tile_rows=o.tile_rows, objects=objects,
               runs=[{"ranks": case[0], "tiles_per_job": case[1], **run} for case in cases for run in runs[case]])
    if o.figures:
        draw(pathlib.Path(o.figures) / "scaling-tiles-per-job.svg", rows)
