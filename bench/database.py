#!/usr/bin/python3
"""The photometry database beside others in one run: PostgreSQL with Q3C (a server of its own), numpy with scipy, DuckDB in memory, and skyfold.
Wall seconds, one thread each; skyfold's are of whole processes, with start and output.
usage: database.py build/release/bin/skyfold [OBJECTS [MEASUREMENTS]]   (500,000 and ten times as many)"""
import pathlib
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
CONES, WIDE, SOURCES = min(10_000, OBJECTS), 200, OBJECTS // 25


def skyfold(*words):
    done = subprocess.run([SKYFOLD, *map(str, words), "--project", "none", "--threads", "1"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def timed(task):
    start = time.time()
    answer = task()
    return time.time() - start, answer


def vectors(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], 1)


def chord(arcsec):
    return 2 * np.sin(np.radians(arcsec / 3600) / 2)


def tell(what, count, unit, seconds):
    """A line of rates, and the ratio of skyfold's to each."""
    print(f"{what} ({count:,} {unit})")
    for name, value in seconds.items():
        print(f"  {name:18} {value:9.3f} s  {count / value:14,.0f} {unit}/s  skyfold x {value / seconds['skyfold']:.2f}", flush=True)


def write(path, **columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[name] = values
    return path


def make(folder):
    """Objects of 20 x 20 degrees across the equator and RA 0, and measurements of them at random."""
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(-10, 10, OBJECTS) % 360, rng.uniform(-10, 10, OBJECTS)
    mag = rng.normal(22, 1, OBJECTS).astype("f4")
    of = rng.integers(0, OBJECTS, MEASUREMENTS)
    write(folder / "o.hdf5", id=np.arange(OBJECTS), ra=ra, dec=dec, mag_i=mag)
    write(folder / "m.hdf5", objid=of, mjd=rng.uniform(55_000, 56_000, MEASUREMENTS), filter=np.full(MEASUREMENTS, b"i"),
          mag=(mag[of] + rng.normal(0, 0.1, MEASUREMENTS)).astype("f4"), magerr=np.full(MEASUREMENTS, 0.1, "f4"))
    at = rng.choice(OBJECTS, SOURCES, replace=False)
    write(folder / "s.hdf5", id=np.arange(SOURCES), ra=ra[at], dec=dec[at] + rng.normal(0, 0.2 / 3600, SOURCES))
    write(folder / "c.hdf5", id=np.arange(CONES), ra=ra[:CONES], dec=dec[:CONES])
    write(folder / "w.hdf5", id=np.arange(WIDE), ra=rng.uniform(0, 9, WIDE), dec=rng.uniform(-9, 9, WIDE))
    return ra, dec, mag


def load(folder):
    """Objects and measurements into each, with index; seconds, the server and DuckDB."""
    cat, seconds = folder / "cat.h5", {}
    seconds["skyfold"] = timed(lambda: (
        skyfold("import", "--input", folder / "o.hdf5", "--output", folder / "obj.h5", "--with-ids", "phat"),
        skyfold("import", "--measurements", folder / "m.hdf5", "--objects", folder / "obj.h5", "--join", "id:objid", "--output", cat)))[0]
    for table in ("object", "meas"):
        skyfold("export", cat, "--table", table, "--format", "postgres", "--output", folder / f"{table}.sql")
        skyfold("export", cat, "--table", table, "--format", "parquet", "--output", folder / table)
    postgres = postgres_tools.Postgres(shared_buffers="1GB", work_mem="256MB", maintenance_work_mem="512MB")
    try:
        seconds["PostgreSQL + Q3C"] = timed(lambda: (postgres.load(folder / "object.sql"), postgres.load(folder / "meas.sql"),
                                                     postgres("CREATE INDEX ON meas (objid); ANALYZE meas")))[0]
        duck = parquet_tools.Duck(SKYFOLD)
        seconds["DuckDB"] = timed(lambda: [duck(f"CREATE TABLE {t} AS SELECT * FROM '{folder / t}/*.parquet'") for t in ("object", "meas")])[0]
    except BaseException:
        postgres.stop()
        raise
    tell("load and index", OBJECTS + MEASUREMENTS, "rows", seconds)
    raw = sum((folder / name).stat().st_size for name in ("o.hdf5", "m.hdf5"))
    size = int(postgres("SELECT sum(pg_total_relation_size(c::regclass)) FROM unnest(ARRAY['object', 'meas']) c")[0][0])
    print(f"disk, x raw: PostgreSQL {size / raw:.2f}, skyfold {cat.stat().st_size / raw:.2f}")
    return postgres, duck


def searches(folder, postgres, tree):
    for name, arcsec in (("c", 0.2), ("w", 60)):
        with h5py.File(folder / f"{name}.hdf5") as file:
            ra, dec = file["ra"][...], file["dec"][...]
        values = ", ".join(f"({a!r}, {d!r})" for a, d in zip(ra.tolist(), dec.tolist()))
        sql = (f"SELECT count(*), sum(o.mag_i) FROM (VALUES {values}) c(a, d), object o "
               f"WHERE q3c_join(c.a, c.d, o.ra, o.dec, {arcsec} / 3600.0)")
        ours, _ = timed(lambda: skyfold("query", folder / "cat.h5", "--cones", folder / f"{name}.hdf5", "--radius", f'{arcsec}"', "--output", folder / f"{name}.h5"))
        theirs, answer = timed(lambda: postgres(sql))
        scipy, found = timed(lambda: sum(map(len, tree.query_ball_point(vectors(ra, dec), chord(arcsec)))))
        assert int(answer[0][0]) == found, (answer, found)
        seconds = {"skyfold": ours, "PostgreSQL + Q3C": theirs, "scipy": scipy}
        tell(f'cones of {arcsec}"', *((CONES, "cones") if name == "c" else (found, "rows")), seconds)
    postgres("CREATE TABLE source (a double precision, d double precision)")
    with h5py.File(folder / "s.hdf5") as file:
        s = np.stack([file["ra"][...], file["dec"][...]], 1)
    np.savetxt(folder / "s.csv", s, delimiter=",", fmt="%.17g")
    postgres.psql("-c", f"\\copy source FROM '{folder / 's.csv'}' CSV")
    skyfold("import", "--input", folder / "s.hdf5", "--output", folder / "s.h5")
    ours, _ = timed(lambda: skyfold("match", folder / "s.h5", folder / "cat.h5", "--radius", '1"', "--find", "all", "--output", folder / "pairs.h5"))
    theirs, answer = timed(lambda: postgres("SELECT count(*) FROM source s, object o WHERE q3c_join(s.a, s.d, o.ra, o.dec, 1 / 3600.0)"))
    scipy, found = timed(lambda: sum(map(len, tree.query_ball_point(vectors(*s.T), chord(1)))))
    with h5py.File(folder / "pairs.h5") as file:
        assert int(answer[0][0]) == found == file["object/id"].size
    tell('all pairs, 1"', SOURCES, "sources", {"skyfold": ours, "PostgreSQL + Q3C": theirs, "scipy": scipy})


def groups(folder, postgres, duck, ra, dec, mag):
    sql = "SELECT count(*) FROM (SELECT pix4096, count(*), avg(ra), avg(dec), avg(mag_i) FROM object GROUP BY pix4096) x"
    ours, _ = timed(lambda: skyfold("sky-map", folder / "cat.h5", "--nside", 4096, "--stat", "mean:mag_i", "--output", folder / "map.h5"))
    (theirs, answer), (ducks, again) = timed(lambda: postgres(sql)), timed(lambda: duck(sql))

    def by_numpy():
        pixels, index, n = np.unique(healpy.ang2pix(4096, ra, dec, nest=True, lonlat=True), return_inverse=True, return_counts=True)
        return pixels, [np.bincount(index, values) / n for values in (ra, dec, mag)]
    numpy, (pixels, _) = timed(by_numpy)
    with h5py.File(folder / "map.h5") as file:
        assert int(answer[0][0]) == int(again[0][0]) == pixels.size == file["object/n"].size
    tell("GROUP BY pix4096 with means", OBJECTS, "rows", {"skyfold": ours, "PostgreSQL + Q3C": theirs, "numpy (with pixels)": numpy, "DuckDB": ducks})
    sql = "SELECT count(*), sum(a) FROM (SELECT objid, avg(mag) AS a, stddev_samp(mag) FROM meas GROUP BY objid) x"
    ours, _ = timed(lambda: skyfold("aggregate", folder / "cat.h5", "--statistics", "mean,rms", "--output", folder / "a.h5"))
    (theirs, answer), (ducks, again) = timed(lambda: postgres(sql)), timed(lambda: duck(sql))
    assert answer[0][0] == again[0][0] and np.isclose(float(answer[0][1]), float(again[0][1]), rtol=1e-9), (answer, again)
    tell("mean and rms per object", MEASUREMENTS, "rows", {"skyfold": ours, "PostgreSQL + Q3C": theirs, "DuckDB": ducks})


def main():
    with tempfile.TemporaryDirectory(prefix="skyfold_bench_") as name:
        folder = pathlib.Path(name)
        ra, dec, mag = make(folder)
        postgres, duck = load(folder)
        try:
            built, tree = timed(lambda: cKDTree(vectors(ra, dec)))
            print(f"scipy's tree: {built:.2f} s")
            searches(folder, postgres, tree)
            groups(folder, postgres, duck, ra, dec, mag)
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
