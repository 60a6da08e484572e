"""Two ranks against one for photoz of a survey in tiles of about 40,000 objects, in turns, and what is not computing."""
import statistics

import drive
import survey
import tiles_per_job


def study(launcher, o):
    objects = o.objects or 2_000_000
    catalogue, model = survey.prepare(launcher, o.folder, objects)
    o.tile_rows = 40_000
    runs = drive.in_turns((1, 2), o.rounds, lambda ranks: tiles_per_job.measure(launcher, o, catalogue, model, ranks, "auto"))
    rows = []
    for ranks, measured in runs.items():
        row = tiles_per_job.row_of(ranks, "auto", measured, statistics.median(run["compute"] for run in measured))
        row["not_computing_percent"] = round(100 * statistics.median(1 - run["compute"] / sum(run[p] for p in drive.PHASES) for run in measured), 2)
        rows.append(row)
    ratio = statistics.median(one["wall_s"] / two["wall_s"] for one, two in zip(runs[1], runs[2]))
    drive.print_table(rows[0].keys(), rows)
    print(f"{objects:,} objects: 2 ranks are {ratio:.3f} times as fast as 1 (median of {o.rounds} rounds)")
    drive.save(o.results, "two-ranks", rows, rounds=o.rounds, objects=objects, speed_up=round(ratio, 4))
