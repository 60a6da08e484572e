"""Part 1 and 4: the study of tiles per job (Gschwend et al. 2018, table 2) with the real executable, beside what `rehearse`
predicts from one of its runs."""
import json
import pathlib
import re
import statistics

import drive
import survey

_FIRST_LINE = re.compile(r"in ([\d.]+) s on .*; ([\d,]+) jobs;")


def measure(launcher, o, catalogue, model, ranks, per_job):
    output, outside_s, text = survey.photoz(launcher, o.folder, catalogue, model, ranks, o.threads, f"z-{ranks}-{per_job}",
                                            *partitioning(o), "--partitions-per-job", per_job)
    wall, jobs = _FIRST_LINE.search(text).groups()
    return {"wall_s": float(wall), "outside_s": outside_s, "jobs": int(jobs.replace(",", "")), **drive.phases_of(text), "output": output}


def partitioning(o):
    return ["--partition.by", "adaptive", "--partition.rows", str(o.tile_rows)]


def row_of(ranks, per_job, runs):
    """Medians of the runs of a setting. The serial part is what all ranks spend before and after the farm."""
    median = lambda name: statistics.median(run[name] for run in runs)
    row = {"ranks": ranks, "tiles_per_job": per_job, "jobs": runs[0]["jobs"], "wall_s": round(median("wall_s"), 2),
           "spread_s": round(max(run["wall_s"] for run in runs) - min(run["wall_s"] for run in runs), 2)}
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
        blocks[f"measured_{ranks}"] = [(row["tiles_per_job"], row["wall_s"], row["predicted_s"]) for row in fixed]
        plots += [f"$measured_{ranks} using 1:2 with points pt 7 lc rgb '{colour}' title '{ranks} rank{'s' * (ranks > 1)}'",
                  f"$measured_{ranks} using 1:3 with lines dt 2 lc rgb '{colour}' notitle"]
        if automatic:
            plots.append(f"{automatic[0]['wall_s']} with lines lc rgb '{colour}' notitle")
    drive.draw(path, "set xlabel 'tiles per job'\nset ylabel 'wall time [s]'\nset logscale x\nset xtics (1,2,4,8,12,16,24,32)\nset yrange [0:*]\n"
               "set title 'points: measured; dashed: rehearsed; lines: automatic jobs'\nplot " + ", ".join(plots) + "\n", **blocks)


def study(launcher, o):
    catalogue, model = survey.prepare(launcher, o.folder, o.objects or 600_000)
    cases = [(int(ranks), per_job) for ranks in o.ranks.split(",") for per_job in o.tiles.split(",")]
    runs = drive.in_turns(cases, o.rounds, lambda case: measure(launcher, o, catalogue, model, *case))
    rows = [row_of(*case, runs[case]) for case in cases]
    told_by = runs[(2, "auto")] if (2, "auto") in runs else runs[cases[0]]
    predicted = predictions(launcher, o, catalogue, told_by[-1]["output"])
    best = {ranks: min(row["wall_s"] for row in rows if row["ranks"] == ranks and row["tiles_per_job"] != "auto") for ranks, _ in cases}
    for row in rows:
        row["predicted_s"] = round(predicted[row["ranks"], row["tiles_per_job"]], 2)
        row["predicted_over_measured"] = round(row["predicted_s"] / row["wall_s"], 3)
        row["over_best_fixed"] = round(row["wall_s"] / best[row["ranks"]], 3)
    drive.print_table([name for name in rows[0] if name not in ("other", "sum_over_ranks_x_wall")], rows)
    drive.save(o.results, "tiles-per-job", rows, rounds=o.rounds, tile_rows=o.tile_rows, objects=o.objects or 600_000)
    if o.figures:
        draw(pathlib.Path(o.figures) / "scaling-tiles-per-job.svg", rows)
