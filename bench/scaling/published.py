"""Part 2: the published study on 912 slots, replayed by `rehearse` in virtual time.

The scheduler is the farm's own in all replays. Under "HTCondor-like" costs a slot asks when it is idle, one dispatcher
starts a job every s seconds, a tile takes a seconds on a slot, and t0 seconds pass before; these three are fitted to the
five published durations. A second model with three numbers, in which tiles take longer the more jobs run at once
(contention), is fitted too: five points cannot tell them apart.
"""
import json
import pathlib

import scipy.optimize

import drive

TILES, OBJECTS, SLOTS = 3373, 126_623_762, 912
PUBLISHED = {1: 150, 4: 79, 12: 91, 24: 131, 32: 147}   # tiles per job: minutes of the parallel part
SCATTER = 0.14                                          # of the sizes of tiles: 5 and 95 % hold 30,000 and 47,000 objects
ROWS_PER_TILE = OBJECTS / TILES
FITTED = ("1", "4", "12", "24", "32")
SETTINGS = ("1", "2", "3", "4", "5", "6", "8", "12", "16", "24", "32", "auto")


def rehearse(launcher, rows, tiles, ranks, settings, **options):
    """Cases of a survey in tiles on nodes of 24 ranks, of which rank 0 only hands out jobs. `options`: a__b=1 is --a.b 1."""
    words = ["rehearse", "--survey.rows", str(rows), "--survey.partitions", str(tiles), "--survey.scatter", str(SCATTER), "--ranks", str(ranks),
             "--ranks-per-node", "24", "--cores-per-node", "24", "--threads-per-rank", "1", "--farm.master", "dedicated",
             "--partitions-per-job", ",".join(settings), "--json"]
    for name, value in options.items():
        words += [f"--{name.replace('__', '.')}", str(value)]
    return json.loads(launcher.run(0, *words)[1])["cases"]


def replay(launcher, settings, **options):
    """Minutes by tiles per job of the survey on 912 slots; each job is read and written as a whole."""
    cases = rehearse(launcher, OBJECTS, TILES, SLOTS + 1, settings, farm__block_rows=10_000_000, **options)
    return {case["partitions_per_job"]: case["wall_s"] / 60 for case in cases}


def per_row_us(tile_s):
    return 1e6 * tile_s / ROWS_PER_TILE


def serial_dispatch(launcher, settings, t0_min, tile_s, job_s):
    return replay(launcher, settings, prefetch="false", cost__start=60 * t0_min, cost__compute=per_row_us(tile_s), cost__message=1e6 * job_s)


def crowding(launcher, settings, tile_min, growth_min, job_s):
    return replay(launcher, settings, prefetch="false", cost__compute=per_row_us(60 * tile_min), cost__contention=growth_min / tile_min,
                  cost__message=1e6 * job_s)


def fit(launcher, model, start):
    """Parameters that bring the replay nearest to the published minutes, least squares."""
    def residuals(parameters):
        minutes = model(launcher, FITTED, *parameters)
        return [minutes[str(n)] - published for n, published in PUBLISHED.items()]

    return scipy.optimize.least_squares(residuals, start, x_scale=start, diff_step=1e-3, bounds=(0, float("inf")), max_nfev=60).x


def draw(path, rows):
    lines = [(key, title, style) for key, title, style in (
        ("published_min", "published", "with points pt 7 ps 1.2 lc rgb '#000000'"),
        ("serial_dispatch_min", "one dispatcher, 1 job in s seconds (fitted)", "with lines lw 2 lc rgb '#d55e00'"),
        ("crowding_min", "tiles slower the more jobs run (fitted)", "with lines lw 2 dt 2 lc rgb '#cc79a7'"),
        ("our_farm_their_tiles_min", "the same tiles on our farm", "with lines lw 2 lc rgb '#0072b2'"))]
    table = [[row["tiles_per_job"], *(row[key] if row[key] != "" else "NaN" for key, *_ in lines)] for row in rows if row["tiles_per_job"] != "auto"]
    drive.draw(path, "set xlabel 'tiles per job'\nset ylabel 'parallel part [min]'\nset logscale x\nset xtics (1,2,4,8,12,16,24,32)\nset yrange [0:*]\n"
               "set xrange [0.9:36]\nset key bottom left\nplot " + ", ".join(f"$table using 1:{i} {style} title '{title}'" for i, (_, title, style) in enumerate(lines, 2)) + "\n", table=table)


def study(launcher, o):
    dispatch = fit(launcher, serial_dispatch, (42.5, 197.0, 1.77))
    crowd = fit(launcher, crowding, (3.22, 0.0132, 1.66))
    a, b = serial_dispatch(launcher, SETTINGS, *dispatch), crowding(launcher, SETTINGS, *crowd)
    # Our farm with the tiles' cost of the first model: what scheduling alone makes of it. Then our kernel.
    same_tiles = replay(launcher, SETTINGS, cost__start=60 * dispatch[0], cost__compute=per_row_us(dispatch[1]), cost__message=o.message_us)
    ours = replay(launcher, SETTINGS, cost__start=o.start_s, cost__finish=o.finish_s, cost__compute=o.row_us, cost__message=o.message_us)
    rows = [{"tiles_per_job": n, "published_min": PUBLISHED.get(int(n), "") if n != "auto" else "", "serial_dispatch_min": round(a[n], 1),
             "crowding_min": round(b[n], 1), "our_farm_their_tiles_min": round(same_tiles[n], 2), "our_farm_our_kernel_s": round(60 * ours[n], 2)} for n in SETTINGS]
    drive.print_table(rows[0].keys(), rows)
    print(f"fitted to the five published durations: one dispatcher: t0 = {dispatch[0]:.1f} min, a = {dispatch[1]:.0f} s per tile, s = {dispatch[2]:.2f} s per job; "
          f"crowding: {crowd[0]:.2f} + {crowd[1]:.4f} min per job running, s = {crowd[2]:.2f} s per job")
    for name, minutes in (("one dispatcher", a), ("crowding", b)):
        print(f"residuals, {name}: " + ", ".join(f"{minutes[str(n)] - published:+.1f}" for n, published in PUBLISHED.items()) + " min")
    for name, minutes in (("one dispatcher", a), ("crowding", b), ("our farm, their tiles", same_tiles), ("our farm, our kernel", ours)):
        print(f"auto over the best number of tiles per job, {name}: {minutes['auto'] / min(minutes[n] for n in SETTINGS[:-1]):.3f}")
    drive.save(o.results, "published", rows, fit_serial_dispatch=dict(zip(("t0_min", "tile_s", "job_s"), map(float, dispatch))),
               fit_crowding=dict(zip(("tile_min", "growth_min_per_job", "job_s"), map(float, crowd))),
               farm={"message_us": o.message_us, "row_us": o.row_us, "start_s": o.start_s, "finish_s": o.finish_s})
    if o.figures:
        draw(pathlib.Path(o.figures) / "scaling-published.svg", rows)
