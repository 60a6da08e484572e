"""import --dedup: detections of one source in overlapping tiles, beside brute force: which stay, what is said of those that go, the same bytes for
ranks and memory, and what is wrong with an input."""
import csv
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, read_bytes, read_group

RADIUS = 0.5  # arcsec
TILES = {"north": (359.98, 0.0), "east": (0.01, 0.0), "south": (359.98, -0.03), "pole": (0.0, 89.999)}


def directions(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)


def separations(table):
    """Of all pairs, arcsec."""
    v = directions(table["ra"], table["dec"])
    return np.degrees(2 * np.arcsin(np.minimum(np.linalg.norm(v[:, None] - v[None], axis=2) / 2, 1))) * 3600


def brute_force(table, better, usable):
    """Rows that go, with the row that stays: links of mutually nearest rows of two tiles, and of these the best first."""
    distance, tile = separations(table), table["tile"]
    nearest = {}
    for i in np.flatnonzero(usable):
        for other in set(tile) - {tile[i]}:
            rows = np.flatnonzero(usable & (tile == other) & (distance[i] <= RADIUS + 1e-9))
            if len(rows):
                nearest[i, other] = rows[np.lexsort((rows, distance[i, rows]))[0]]
    links = {(i, j) for (i, _), j in nearest.items() if nearest.get((j, tile[i])) == i}
    gone = {}
    for i in sorted({i for i, _ in links}, key=better):
        if i not in gone:
            for j in sorted(j for a, j in links if a == i):
                gone.setdefault(j, i)
    return gone


class Dedup(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(11)
        ra, dec = (359.99 + rng.uniform(-0.01, 0.01, 90)) % 360, rng.uniform(-0.04, 0.01, 90)
        # As dense that tiles have neighbours of their own within the radius, and chains of links.
        close = rng.integers(0, 90, 60)
        ra, dec = np.append(ra, (ra[close] + rng.normal(size=60) * 1e-4) % 360), np.append(dec, dec[close] + rng.normal(size=60) * 1e-4)
        ra, dec = np.append(ra, rng.uniform(0, 360, 40)), np.append(dec, 90 - 2e-4 * np.sqrt(rng.uniform(size=40)))
        columns = {"ra": [], "dec": [], "tile": []}
        for tile in TILES:
            seen = np.flatnonzero((rng.uniform(size=len(ra)) < 0.7) & (np.isin(tile, ["pole", "north"]) | (dec < 80)))
            offset = rng.normal(size=(2, len(seen))) * 0.12 / 3600
            lower = np.minimum(dec[seen] + offset[1], 90)
            columns["ra"].append((ra[seen] + offset[0] / np.maximum(np.cos(np.radians(lower)), 1e-7)) % 360)
            columns["dec"].append(lower)
            columns["tile"].append(np.full(len(seen), tile, "S5"))
        t = {name: np.concatenate(parts) for name, parts in columns.items()}
        n = len(t["ra"])
        t["id"] = np.arange(n) + 1000
        t["snr"] = np.round(rng.uniform(3, 60, n), 0).astype("f4")  # with ties
        t["snr"][::37] = np.nan
        t["mag_err"] = (1.0857 / np.where(np.isfinite(t["snr"]), t["snr"], 1)).astype("f4")
        t["is_primary"] = (rng.uniform(size=n) < 0.5).astype("u1")
        t["flag"] = (rng.uniform(size=n) < 0.05).astype("i4")
        cls.table = {name: t[name] for name in ("id", "ra", "dec", "tile", "snr", "mag_err", "is_primary", "flag")}
        cls.files, cls.of_file = [], []
        for i, tile in enumerate(TILES):
            rows = t["tile"] == tile.encode()
            cls.files.append(make_fits(cls.base / f"{tile}.fits", {name: values[rows] for name, values in cls.table.items()}))
            cls.of_file += [(cls.files[-1], row + 1) for row in range(rows.sum())]
        t["tile"] = t["tile"].astype(str)

    def imported(self, name, *words, **options):
        output = self.path(name)
        result = self.skyfold("import", "--input", ",".join(self.files), "--output", output, *map(str, words), **options)
        return output, result

    def check(self, output, gone, usable):
        self.assertGreater(len(gone), 100)
        stay = usable & ~np.isin(np.arange(len(usable)), list(gone))
        self.assertEqual(sorted(read_group(output)["id"]), sorted(self.table["id"][stay]))
        with open(output + ".repeated.csv") as file:
            listed = list(csv.DictReader(file))
        self.assertEqual([(r["file"], int(r["row"])) for r in listed], [self.of_file[row] for row in sorted(gone)])
        self.assertEqual([(r["kept_file"], int(r["kept_row"])) for r in listed], [self.of_file[gone[row]] for row in sorted(gone)])
        apart = separations(self.table)
        np.testing.assert_allclose([float(r["separation_arcsec"]) for r in listed], [apart[row, gone[row]] for row in sorted(gone)], atol=1e-6)

    def test_the_best_detection_stays_as_brute_force_finds_it(self):
        snr = np.where(np.isfinite(self.table["snr"]), self.table["snr"], -np.inf)
        everything = np.ones(len(snr), bool)
        gone = brute_force(self.table, lambda i: (-snr[i], i), everything)
        output, result = self.imported("best.h5", "--dedup", "best_snr")
        self.check(output, gone, everything)
        self.assertIn("guessed dedup.by = snr", result.err + result.out)
        self.assertIn(f"left out {len(gone)} repeated detections", result.err + result.out)
        # Tiles by file are the same here; a calculated number is as good as a column.
        self.check(self.imported("file.h5", "--dedup", "best_snr", "--dedup.tile", "file", "--dedup.by", "snr * 2")[0], gone, everything)
        usable = self.table["flag"] == 0
        gone = brute_force(self.table, lambda i: (self.table["mag_err"][i], i), usable)
        output, _ = self.imported("where.h5", "--dedup", "best_snr", "--dedup.by=-mag_err", "--where", "flag == 0")
        self.check(output, gone, usable)

    def test_primary_is_by_a_column_or_by_the_middle_of_the_tile(self):
        everything = np.ones(len(self.table["ra"]), bool)
        v, tile = directions(self.table["ra"], self.table["dec"]), self.table["tile"]
        away = np.zeros(len(v))
        for name in set(tile):
            middle = v[tile == name].mean(axis=0)
            away[tile == name] = np.linalg.norm(v[tile == name] - middle / np.linalg.norm(middle), axis=1)
        primary = self.table["is_primary"].astype(int)
        gone = brute_force(self.table, lambda i: (-primary[i], away[i], i), everything)
        self.check(self.imported("p.h5", "--dedup", "primary")[0], gone, everything)
        gone = brute_force(self.table, lambda i: (away[i], i), everything)
        output, result = self.imported("m.h5", "--dedup", "primary", "--keep", "snr,tile")
        self.check(output, gone, everything)
        self.assertIn("nearest to the middle of its tile", result.err + result.out)

    def test_marked_rows_stay(self):
        dropped = read_group(self.imported("d.h5", "--dedup", "best_snr", "--ordering", "tile")[0])
        rows = read_group(self.imported("k.h5", "--dedup", "best_snr", "--dedup.mark", "true", "--ordering", "tile")[0])
        self.assertEqual(len(rows["id"]), len(self.table["id"]))
        np.testing.assert_array_equal(rows["id"][rows["is_repeated"] == 0], dropped["id"])
        self.assertFalse(pathlib.Path(self.path("k.h5.repeated.csv")).exists())

    def test_the_catalogue_has_the_same_bytes_for_any_ranks_and_off_it_is_as_without(self):
        one, _ = self.imported("one.h5", "--dedup", "primary", "--threads", 1)
        for ranks in (2, 3, 4):
            several, _ = self.imported(f"r{ranks}.h5", "--dedup", "primary", "--memory", 64, ranks=ranks)
            self.assertEqual(read_bytes(several), read_bytes(one))
            self.assertEqual(read_bytes(several + ".repeated.csv"), read_bytes(one + ".repeated.csv"))
        self.assertEqual(len(read_group(self.imported("off.h5")[0])["id"]), len(self.table["id"]))

    def test_what_cannot_be_is_one_line(self):
        def fails(message, *words):
            result = self.run_skyfold("import", "--output", self.path("x.h5"), *words)
            self.assertEqual(result.code, 2, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertRegex(result.errors()[0], message)
        several = ("--input", ",".join(self.files))
        fails(r"one file without a column of tiles", "--input", self.files[0], "--dedup", "best_snr", "--keep", "snr")
        fails(r"no column that tells the signal to noise", *several, "--dedup", "best_snr", "--keep", "tile")
        fails(r"no column 'snrr'", *several, "--dedup", "best_snr", "--dedup.by", "snrr")
        fails(r"no column 'til'.*--dedup\.tile", *several, "--dedup", "best_snr", "--dedup.tile", "til")
        fails(r"dedup\.radius.*--dedup", *several, "--dedup.radius", "1")
        fails(r"dedup\.list with --dedup\.mark", *several, "--dedup", "primary", "--dedup.mark", "true", "--dedup.list", "l.csv")
        fails(r"have no positions", *several, "--dedup", "primary", "--ordering", "none")


if __name__ == "__main__":
    support.main()
