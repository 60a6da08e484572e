"""Part 3: 10 to 100,000 ranks in virtual time: strong and weak scaling of the farm, and where rank 0 saturates."""
import pathlib

import drive
import published

RANKS = (10, 30, 100, 300, 912, 3000, 10_000, 30_000, 100_000)
TILES_PER_RANK = 4
SETTINGS = ("1", "4", "12", "24", "32", "auto")


def replay(launcher, o, rows, tiles, ranks):
    """The farm's part of the run; starting up and consolidation are those of the machine, which this one cannot tell."""
    return published.rehearse(launcher, rows, tiles, ranks, SETTINGS, cost__compute=o.row_us, cost__scatter=o.scatter, cost__message=o.message_us)


def rows_of(kind, cases):
    best = min(case["wall_s"] for case in cases if case["partitions_per_job"] != "auto")
    return [{"scaling": kind, "ranks": case["ranks"], "tiles": case["partitions"], "tiles_per_job": case["partitions_per_job"], "jobs": case["jobs"],
             "median_job_rows": round(case["job_rows_median"]), "farm_s": round(case["farm_s"], 3), "efficiency_percent": round(100 * case["efficiency"], 1),
             "rank_0_busy_percent": round(100 * case["rank_0_busy"], 1), "over_best_fixed": round(case["wall_s"] / best, 3)} for case in cases]


def draw(path, rows):
    blocks, plots = {}, []
    for kind, per_job, colour, dash in (("strong", "auto", "#0072b2", 1), ("strong", "1", "#0072b2", 2), ("weak", "auto", "#d55e00", 1), ("weak", "1", "#d55e00", 2)):
        name = f"{kind}_{per_job}"
        blocks[name] = [(row["ranks"], row["efficiency_percent"], row["rank_0_busy_percent"]) for row in rows
                        if row["scaling"] == kind and row["tiles_per_job"] == per_job]
        title = f"{kind} scaling, {'automatic jobs' if per_job == 'auto' else '1 tile per job'}"
        plots.append(f"${name} using 1:2 with linespoints pt 7 ps 0.6 lw 2 dt {dash} lc rgb '{colour}' title '{title}'")
    drive.draw(path, "set xlabel 'ranks'\nset ylabel 'efficiency [%]'\nset logscale x\nset format x '10^{%L}'\nset yrange [0:105]\nset key bottom left\nplot "
               + ", ".join(plots) + "\n", **blocks)


def study(launcher, o):
    rows = []
    for ranks in RANKS:
        rows += rows_of("strong", replay(launcher, o, published.OBJECTS, published.TILES, ranks))
    for ranks in RANKS:
        tiles = TILES_PER_RANK * ranks
        rows += rows_of("weak", replay(launcher, o, round(tiles * published.ROWS_PER_TILE), tiles, ranks))
    drive.print_table(rows[0].keys(), rows)
    print(f"auto over the best fixed number of tiles per job, at most: {max(row['over_best_fixed'] for row in rows if row['tiles_per_job'] == 'auto'):.3f}")
    drive.save(o.results, "beyond", rows, row_us=o.row_us, message_us=o.message_us, scatter=o.scatter)
    if o.figures:
        draw(pathlib.Path(o.figures) / "scaling-beyond.svg", rows)
