#!/usr/bin/python3
"""The photometry database beside others in one run: PostgreSQL with Q3C (a server of its own), numpy with scipy, DuckDB in memory, and skyfold.
Seconds of the processor, which tell more than the clock's on a machine that others use, one thread each: skyfold's of whole processes with start, log
and output; PostgreSQL's of server and client; of what takes less than 2 s the best of three.
usage: database.py build/release/bin/skyfold [OBJECTS [MEASUREMENTS]]   (500,000 and ten times as many)"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import h5py
import healpy
import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import parquet_tools
import postgres_tools

SKYFOLD = sys.argv[1]
OBJECTS = int(sys.argv[2]) if len(sys.argv) > 2 else 500_000
MEASUREMENTS = int(sys.argv[3]) if len(sys.argv) > 3 else 10 * OBJECTS
# As dense as an arcminute's cone with 2,000 objects, whatever their number: a galaxy measured star by star.
SIDE = float(np.sqrt(OBJECTS * np.pi / 2000)) / 60
CONES, SOURCES, CURVES = min(10_000, OBJECTS), OBJECTS // 25, min(1000, OBJECTS)
TICK = os.sysconf("SC_CLK_TCK")


def skyfold(*words):
    done = subprocess.run([SKYFOLD, *map(str, words), "--project", "none", "--threads", "1"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


class Used:
    """Seconds of the processor, of this process, of programs that it ran, and of a server and those of its sessions that have ended."""

    def __init__(self, server=None):
        self._stat = pathlib.Path("/proc", str(server.pid)) if server else None

    def now(self):
        seconds = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        if self._stat:
            fields = (self._stat / "stat").read_text().rpartition(")")[2].split()
            seconds += sum(map(int, fields[11:15])) / TICK
        return seconds

    def children(self):
        """How many processes the server has."""
        return len((self._stat / "task" / self._stat.name / "children").read_text().split()) if self._stat else 0


def once(task, server=None):
    """Seconds of the processor, and what the task gives."""
    used = Used(server)
    helpers, before = used.children(), used.now()
    answer = task()
    while used.children() > helpers:
        time.sleep(0.02)  # a session is counted when it has ended
    return used.now() - before, answer


def timed(task, server=None):
    """The best of three, unless it takes long."""
    runs = [once(task, server)]
    while len(runs) < 3 and runs[0][0] < 2:
        runs.append(once(task, server))
    return min(seconds for seconds, _ in runs), runs[0][1]


def vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], 1)


def chord(arcsec):
    return 2 * np.sin(np.radians(arcsec / 3600) / 2)


def tell(what, count, unit, seconds):
    """A line of rates, and the ratio of skyfold's to each."""
    print(f"{what} ({count:,} {unit})")
    for name, value in seconds.items():
        print(f"  {name:24} {value:9.3f} s  {count / value:14,.0f} {unit}/s  skyfold x {value / seconds['skyfold']:.2f}", flush=True)


def write(path, **columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
    return path


def read(path):
    with h5py.File(path) as file:
        return file["ra"][...], file["dec"][...]


def make(folder):
    """Objects in a square across the equator and RA 0, and measurements of them at random."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(-SIDE / 2, SIDE / 2, OBJECTS) % 360, rng.uniform(-SIDE / 2, SIDE / 2, OBJECTS)
    mag = rng.normal(22, 1, OBJECTS).astype("f4")
    of = rng.integers(0, OBJECTS, MEASUREMENTS)
    write(folder / "o.hdf5", id=np.arange(OBJECTS), ra=ra, dec=dec, mag_i=mag)
    write(folder / "m.hdf5", objid=of, mjd=rng.uniform(55_000, 56_000, MEASUREMENTS), filter=np.full(MEASUREMENTS, b"i"),
          mag=(mag[of] + rng.normal(0, 0.1, MEASUREMENTS)).astype("f4"), magerr=np.full(MEASUREMENTS, 0.1, "f4"))
    write(folder / "p.hdf5", ra=ra[of], dec=dec[of] + rng.normal(0, 0.02 / 3600, MEASUREMENTS), mjd=rng.uniform(55_000, 56_000, MEASUREMENTS),
          filter=np.full(MEASUREMENTS, b"i"), mag=mag[of], magerr=np.full(MEASUREMENTS, 0.1, "f4"))
    at = rng.choice(OBJECTS, SOURCES, replace=False)
    write(folder / "s.hdf5", id=np.arange(SOURCES), ra=ra[at], dec=dec[at] + rng.normal(0, 0.2 / 3600, SOURCES))
    write(folder / "c.hdf5", id=np.arange(CONES), ra=ra[:CONES], dec=dec[:CONES])
    # Cones that do not meet: a row is given once for each.
    steps = np.arange(-SIDE / 2 + 1.2 / 60, SIDE / 2 - 1.2 / 60, 2.4 / 60)
    wide = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)[:400]
    write(folder / "w.hdf5", id=np.arange(len(wide)), ra=wide[:, 0] % 360, dec=wide[:, 1])
    write(folder / "ids.hdf5", id=np.sort(rng.choice(OBJECTS, CURVES, replace=False)))
    return ra, dec, mag, of


def load(folder):
    """Objects and measurements into each, with index; the server and DuckDB."""
    cat, seconds = folder / "cat.h5", {}
    seconds["skyfold"] = once(lambda: (
        skyfold("import", "--input", folder / "o.hdf5", "--output", folder / "obj.h5", "--with-ids", "phat"),
        skyfold("import", "--measurements", folder / "m.hdf5", "--objects", folder / "obj.h5", "--join", "id:objid", "--output", cat)))[0]
    by_place = once(lambda: skyfold("import", "--measurements", folder / "p.hdf5", "--objects", folder / "obj.h5", "--join", "position:0.5",
                                    "--output", folder / "place.h5"))[0]
    (folder / "place.h5").unlink()
    for table in ("object", "meas"):
        skyfold("export", cat, "--table", table, "--format", "postgres", "--output", folder / f"{table}.sql")
        skyfold("export", cat, "--table", table, "--format", "parquet", "--output", folder / table)
    postgres = postgres_tools.Postgres(shared_buffers="1GB", work_mem="256MB", maintenance_work_mem="512MB")
    try:
        seconds["PostgreSQL + Q3C"] = once(lambda: (postgres.load(folder / "object.sql"), postgres.load(folder / "meas.sql"),
                                                    postgres("CREATE INDEX ON meas (objid); ANALYZE meas")), postgres)[0]
        duck = parquet_tools.Duck(SKYFOLD)
        seconds["DuckDB"] = once(lambda: [duck(f"CREATE TABLE {t} AS SELECT * FROM '{folder / t}/*.parquet'") for t in ("object", "meas")])[0]
    except BaseException:
        postgres.stop()
        raise
    tell("load and index", OBJECTS + MEASUREMENTS, "rows", seconds)
    tell("import of measurements by position", MEASUREMENTS, "rows", {"skyfold": by_place})
    raw = sum((folder / name).stat().st_size for name in ("o.hdf5", "m.hdf5"))
    size = int(postgres("SELECT sum(pg_total_relation_size(c::regclass)) FROM unnest(ARRAY['object', 'meas']) c")[0][0])
    print(f"disk, x raw: PostgreSQL {size / raw:.2f}, skyfold {cat.stat().st_size / raw:.2f}")
    return postgres, duck


def cones(folder, postgres, tree):
    for name, arcsec in (("c", 0.2), ("w", 60)):
        ra, dec = read(folder / f"{name}.hdf5")
        values = ", ".join(f"({a!r}, {d!r})" for a, d in zip(ra.tolist(), dec.tolist()))
        sql = (f"SELECT count(*), sum(o.mag_i) FROM (VALUES {values}) c(a, d), object o "
               f"WHERE q3c_join(c.a, c.d, o.ra, o.dec, {arcsec} / 3600.0)")
        ours, _ = timed(lambda: skyfold("query", folder / "cat.h5", "--cones", folder / f"{name}.hdf5", "--radius", f'{arcsec}"', "--output", folder / f"{name}.h5"))
        theirs, answer = timed(lambda: postgres(sql), postgres)
        scipy, found = timed(lambda: sum(map(len, tree.query_ball_point(vectors(ra, dec), chord(arcsec)))))
        assert int(answer[0][0]) == found, (answer, found)
        if name == "w":
            with h5py.File(folder / "w.h5") as file:
                assert file["object/id"].size == found
        seconds = {"skyfold": ours, "PostgreSQL + Q3C": theirs, "scipy, tree built": scipy}
        tell(f'cones of {arcsec}"', *((CONES, "cones") if name == "c" else (found, "rows")), seconds)


def pairs(folder, postgres, tree):
    postgres("CREATE TABLE source (a double precision, d double precision)")
    s = np.stack(read(folder / "s.hdf5"), 1)
    np.savetxt(folder / "s.csv", s, delimiter=",", fmt="%.17g")
    postgres.psql("-c", f"\\copy source FROM '{folder / 's.csv'}' CSV")
    skyfold("import", "--input", folder / "s.hdf5", "--output", folder / "s.h5")

    def ours():
        (folder / "pairs.h5").unlink(missing_ok=True)
        skyfold("match", folder / "s.h5", folder / "cat.h5", "--radius", '1"', "--find", "all", "--output", folder / "pairs.h5")
    mine, _ = timed(ours)
    theirs, answer = timed(lambda: postgres("SELECT count(*) FROM source s, object o WHERE q3c_join(s.a, s.d, o.ra, o.dec, 1 / 3600.0)"), postgres)
    scipy, found = timed(lambda: sum(map(len, tree.query_ball_point(vectors(*s.T), chord(1)))))
    with h5py.File(folder / "pairs.h5") as file:
        assert int(answer[0][0]) == found == file["object/id"].size
    tell('all pairs, 1"', SOURCES, "sources", {"skyfold": mine, "PostgreSQL + Q3C": theirs, "scipy, tree built": scipy})


def fresh(path, *words):
    path.unlink(missing_ok=True)
    return skyfold(*words, "--output", path)


def groups(folder, postgres, duck, ra, dec, mag):
    sql = "SELECT count(*) FROM (SELECT pix4096, count(*), avg(ra), avg(dec), avg(mag_i) FROM object GROUP BY pix4096) x"
    ours, _ = timed(lambda: fresh(folder / "map.h5", "sky-map", folder / "cat.h5", "--nside", 4096, "--stat", "mean:mag_i"))
    (theirs, answer), (ducks, again) = timed(lambda: postgres(sql), postgres), timed(lambda: duck(sql))

    def by_numpy():
        pixels, index, n = np.unique(healpy.ang2pix(4096, ra, dec, nest=True, lonlat=True), return_inverse=True, return_counts=True)
        return pixels, [np.bincount(index, values) / n for values in (ra, dec, mag)]
    numpy, (pixels, _) = timed(by_numpy)
    with h5py.File(folder / "map.h5") as file:
        assert int(answer[0][0]) == int(again[0][0]) == pixels.size == file["object/n"].size
    tell(f"GROUP BY pix4096 with means, {pixels.size:,} pixels", OBJECTS, "rows",
         {"skyfold": ours, "PostgreSQL + Q3C": theirs, "numpy, pixels calculated": numpy, "DuckDB": ducks})


def curves(folder, postgres, duck, of):
    sql = "SELECT count(*), sum(a) FROM (SELECT objid, avg(mag) AS a, stddev_samp(mag) FROM meas GROUP BY objid) x"
    # Without errors, as the others: with them there are weighted means and indices of variability besides.
    ours, _ = timed(lambda: fresh(folder / "a.h5", "aggregate", folder / "cat.h5", "--statistics", "mean,rms", "--meas.error", "none"))
    (theirs, answer), (ducks, again) = timed(lambda: postgres(sql), postgres), timed(lambda: duck(sql))
    assert answer[0][0] == again[0][0] and np.isclose(float(answer[0][1]), float(again[0][1]), rtol=1e-9), (answer, again)
    with h5py.File(folder / "m.hdf5") as file:
        values = file["mag"][...].astype("f8")

    def by_numpy():
        n = np.bincount(of, minlength=OBJECTS)
        mean = np.bincount(of, values, OBJECTS) / np.maximum(n, 1)
        return np.sqrt(np.bincount(of, (values - mean[of]) ** 2, OBJECTS) / np.maximum(n - 1, 1))
    tell("mean and rms per object", MEASUREMENTS, "rows",
         {"skyfold": ours, "PostgreSQL + Q3C": theirs, "numpy, numbers in memory": timed(by_numpy)[0], "DuckDB": ducks})
    with h5py.File(folder / "ids.hdf5") as file:
        ids = file["id"][...].tolist()
    ours, text = timed(lambda: skyfold("lightcurve", folder / "cat.h5", "--ids", folder / "ids.hdf5", "--format", "csv"))
    theirs, answer = timed(lambda: postgres(f"SELECT * FROM meas WHERE objid IN ({', '.join(map(str, ids))})"), postgres)
    assert len(text.splitlines()) - 1 == len(answer)
    tell("light curves by id, in a batch", len(ids), "curves", {"skyfold": ours, "PostgreSQL + Q3C": theirs})


def main():
    with tempfile.TemporaryDirectory(prefix="skyfold_bench_") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # the server reads what is copied into it
        ra, dec, mag, of = make(folder)
        postgres, duck = load(folder)
        try:
            built, tree = timed(lambda: cKDTree(vectors(ra, dec)))
            print(f"scipy's tree: {built:.2f} s")
            cones(folder, postgres, tree)
            pairs(folder, postgres, tree)
            groups(folder, postgres, duck, ra, dec, mag)
            curves(folder, postgres, duck, of)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
