"""64-bit integers are integers everywhere: in conditions, orders, bins and statistics; beside numbers that are no doubles."""
import json
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SDSS = 1237648720693755918
BIG = 2**53


def survey(ids, seed=1):
    """Galaxies with these ids, whose colours follow their redshift."""
    random, n = np.random.default_rng(seed), len(ids)
    z = np.abs(random.normal(0.6, 0.3, n)) + 0.01
    columns = {"id": np.asarray(ids, "i8"), "ra": random.uniform(10, 20, n), "dec": random.uniform(-5, 5, n), "z_spec": z}
    for b, band in enumerate("griz"):
        columns[f"mag_{band}"] = 20 - 0.3 * b + 0.4 * np.sin(2 * z - 0.7 * b)
        columns[f"mag_err_{band}"] = np.full(n, 0.03)
    return columns


class IntegersTest(support.SkyfoldTest):
    def fails(self, code, message, *words):
        result = self.run_skyfold(*words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)


class Conditions(IntegersTest):
    def selected(self, condition, ids=range(SDSS - 150, SDSS + 150), **others):
        columns = dict(survey(list(ids)), **others)
        sample = support.make_fits(self.path("s.fits"), columns, nulls={name: -1 for name in others if name == "part"})
        self.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("m.h5"), "--train.fraction", 1, "--weights", "none",
                     "--cuts.select", condition, "--knn.neighbours", 5, "--knn.sigma", 0.1, "--algorithms", "knn", "--threads", 1)
        with h5py.File(self.path("m.h5")) as file:
            return sorted(file["training/id"][:].tolist())

    def test_train_selects_by_id(self):
        around = list(range(SDSS - 150, SDSS + 150))
        for condition, expected in [
                (f"id in ({SDSS}, {SDSS + 1}, {SDSS + 9}, {SDSS - 7}, {SDSS - 8}, {SDSS + 60})", [SDSS + k for k in (-8, -7, 0, 1, 9, 60)]),
                (f"not (id in ({SDSS}, {SDSS + 1}))", [i for i in around if i not in (SDSS, SDSS + 1)]),
                (f"id < {SDSS + 0}.5 and id >= {SDSS - 10}.5", list(range(SDSS - 9, SDSS + 1))),
                (f"id - {SDSS} < 8 and id > {SDSS}", list(range(SDSS + 1, SDSS + 8))),
                ("id & 7 == 6", [i for i in around if i & 7 == 6])]:
            with self.subTest(condition):
                self.assertEqual(self.selected(condition), expected)

    def test_one_object_is_one_object(self):
        sample = support.make_fits(self.path("s.fits"), survey(range(SDSS - 150, SDSS + 150)))
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("m.h5"), "--train.fraction", 1,
                                  "--cuts.select", f"id == {SDSS}", "--threads", 1)
        self.assertIn("the training set has 1 objects", result.err, result)

    def test_bits_and_missing_flags(self):
        flags = np.arange(300) % 9 - 1   # -1: missing
        ids = np.arange(SDSS, SDSS + 300)
        for condition, passes in [("not (flags & 4)", (flags & 4 == 0) | (flags == -1)), ("flags & 1", (flags & 1 != 0) & (flags != -1)),
                                  ("flags & 4 == 0", (flags & 4 == 0) & (flags != -1)), ("(flags | 1) == 5", np.isin(flags, (4, 5))),
                                  ("flags & 0x6 and not missing(flags)", (flags & 6 != 0) & (flags != -1)),
                                  ("(flags > 2) & ~(flags == 5)", (flags > 2) & (flags != 5))]:
            with self.subTest(condition):
                self.assertEqual(self.selected(condition.replace("flags", "part"), ids, part=flags.astype("i4")), ids[passes].tolist())

    def test_spec_registrations(self):
        n = 40
        table = {"ra": np.arange(n) * 1.0, "dec": np.zeros(n), "z": np.full(n, 0.1), "obj": SDSS + np.arange(n), "flags": np.arange(n) % 8}
        support.make_fits(self.path("t.fits"), {k: np.asarray(v) for k, v in table.items()})
        base = "name = t\nyear = 2015\nfile = t.fits\n[columns]\nra = ra\ndec = dec\nz = z\n"
        obj, flags = table["obj"], table["flags"]
        for rule, passes in [(f"[quality]\n4 = obj == {SDSS + 3}\n", obj == SDSS + 3), ("[quality]\n4 = flags & 1\n", flags & 1 != 0),
                             ("[quality]\n4 = not (flags & 4)\n", flags & 4 == 0),
                             (f"[quality]\ncolumn = obj\nvalues = {SDSS + 1}:4, {SDSS + 2}:4, {SDSS + 3}:1\n", np.isin(obj, (SDSS + 1, SDSS + 2)))]:
            with self.subTest(rule):
                text = base.replace("z = z\n", "z = z\nquality = obj\n") if "values" in rule else base
                pathlib.Path(self.path("t.ini")).write_text(text + rule.replace("column = obj\n", ""))
                self.skyfold("spec", "--surveys", self.path("t.ini"), "--output", self.path("s.h5"), "--spec.quality_min", 4)
                self.assertEqual(sorted(support.read_group(self.path("s.h5"))["ra"].tolist()), np.flatnonzero(passes).tolist())

    def test_a_number_beyond_all_bounds_is_an_error(self):
        sample = support.make_fits(self.path("s.fits"), survey(range(SDSS, SDSS + 300)))
        self.fails(3, r"--cuts.select: 'id \* id \* id > 3'.*beyond 2\^127", "train", "--calibrate", "none", "--sample", sample, "--output", self.path("m.h5"),
                   "--cuts.select", "id * id * id > 3")


class Orders(IntegersTest):
    def catalogue(self, values, null=None, name="key"):
        values = np.asarray(values, "i8")
        n = len(values)
        columns = {"id": np.arange(n), "ra": np.linspace(10, 20, n), "dec": np.zeros(n), name: values}
        source = support.make_fits(self.path("t.fits"), columns, nulls={name: null} if null is not None else None)
        return ["import", "--input", source, "--output", self.path("c.h5"), "--ordering", "attribute", "--ordering.column", name]

    def test_rows_are_in_the_order_of_whole_numbers(self):
        values = np.random.default_rng(3).permutation(np.concatenate([
            BIG + np.arange(-5, 200), -BIG - np.arange(-5, 200), [2**63 - 1, -2**63, 0, 7, 2**63 - 3, -2**63 + 2]]).astype("i8"))
        self.skyfold(*self.catalogue(values), ranks=2)
        np.testing.assert_array_equal(support.read_group(self.path("c.h5"))["key"], np.sort(values))

    def test_missing_values_are_last(self):
        values = np.array([BIG + 1, -1, BIG, 2**63 - 1, -1, -5, BIG + 2], "i8")
        self.skyfold(*self.catalogue(values, null=-1))
        self.assertEqual(support.read_group(self.path("c.h5"))["key"].tolist(), [-5, BIG, BIG + 1, BIG + 2, 2**63 - 1, -1, -1])

    def test_a_number_that_has_no_key_is_refused(self):
        self.fails(3, r"t.fits, row 2, column key: 9223372036854775806 cannot be ordered", *self.catalogue([1, 2**63 - 2, 3]))

    def test_bins_are_cut_between_whole_numbers(self):
        values = SDSS + np.arange(100)
        self.skyfold(*self.catalogue(values[::-1]))
        for bins, counts in [("fixed:4", [25, 25, 25, 25]), ("equal:5", [20] * 5), (f"edges:{SDSS + 1},{SDSS + 3}", [1, 2, 97]),
                             (f"edges:{SDSS}.5,{SDSS + 2}", [1, 1, 98])]:
            with self.subTest(bins):
                out = self.skyfold("plan", "--catalogue", self.path("c.h5"), "--partition.by", "attribute", "--partition.column", "key",
                                   "--partition.bins", bins, "--list").out
                rows = [line.split() for line in out.splitlines() if " rows " in line and " to " in line]
                self.assertEqual([int(r[4].replace(",", "")) - int(r[2].replace(",", "")) for r in rows], counts, out)
        self.assertIn(f"{SDSS + 1} <= key < {SDSS + 2}", out)

    def test_bins_of_magnitudes_do_not_count_stand_ins(self):
        random = np.random.default_rng(8)
        mag = np.concatenate([random.uniform(16, 24, 997), np.full(40, 99.0), np.full(5, -99.0), np.full(7, 37.5)])
        support.make_fits(self.path("m.fits"), {"id": np.arange(mag.size), "ra": random.uniform(0, 9, mag.size), "dec": random.uniform(0, 9, mag.size),
                                                "mag_z": mag})
        self.skyfold("import", "--input", self.path("m.fits"), "--output", self.path("m.h5"), "--ordering", "attribute", "--ordering.column", "mag_z")
        out = self.skyfold("plan", "--catalogue", self.path("m.h5"), "--partition.by", "attribute", "--partition.column", "mag_z",
                           "--partition.bins", "fixed:8", "--list").out
        rows = [line.split() for line in out.splitlines() if " rows " in line and " to " in line]
        counts = [int(r[4].replace(",", "")) - int(r[2].replace(",", "")) for r in rows]
        self.assertEqual(counts, [5, *np.histogram(mag[:997], 8)[0], 47], out)

    def test_statistics_are_exact(self):
        values = np.array([SDSS + 7, SDSS, SDSS + 3, -1], "i8")
        self.skyfold(*self.catalogue(values, null=-1))
        info = json.loads(self.skyfold("info", "--json", self.path("c.h5")).out)
        column = next(c for c in info["columns"] if c["name"] == "key")
        self.assertEqual((column["min"], column["max"], column["missing"]), (SDSS, SDSS + 7, 1))
        self.assertIn(str(SDSS + 7), self.skyfold("info", self.path("c.h5")).out)
        zones = support.read_group(self.path("c.h5"), "/index/zones/key")
        self.assertEqual((zones["min"].tolist(), zones["max"].tolist(), zones["min"].dtype), ([SDSS], [SDSS + 7], np.dtype("i8")))
        self.skyfold(*self.catalogue([-1, -1], null=-1))
        column = next(c for c in json.loads(self.skyfold("info", "--json", self.path("c.h5")).out)["columns"] if c["name"] == "key")
        self.assertNotIn("min", column)
        self.assertEqual(column["missing"], 2)


class TextIds(IntegersTest):
    """Two texts with the same 64-bit XXH3: 12392bca64fdb71c."""
    pair = ("7910149", "91dFKfLp")

    def imported(self, *ids):
        n = len(ids)
        source = support.make_fits(self.path("t.fits"), {"id": np.array(ids, "S8"), "ra": np.linspace(10, 20, n), "dec": np.zeros(n)})
        return ["import", "--input", source, "--output", self.path("c.h5")]

    def test_texts_of_one_hash_are_two_ids(self):
        for ranks in (0, 2):
            self.skyfold(*self.imported(self.pair[0], "x", self.pair[1], "y"), "--fresh", ranks=ranks)
            self.assertEqual(sorted(support.read_group(self.path("c.h5"))["id"]), sorted(id.encode() for id in (*self.pair, "x", "y")))

    def test_equal_texts_are_found_between_others_of_their_hash(self):
        words = self.imported(self.pair[0], self.pair[1], "x", self.pair[0], "x")
        self.fails(3, r"t.fits, row 4, column id: the id occurs before, in .*t.fits, row 1 \(2 such rows", *words)
        self.skyfold(*words, "--on-bad-row", "drop", "--fresh", ranks=2)
        self.assertEqual(len(support.read_group(self.path("c.h5"))["id"]), 3)


class Selections(IntegersTest):
    def test_locus_selects_targets_by_id(self):
        n = 400
        random = np.random.default_rng(5)
        columns = {"id": SDSS + np.arange(n), "ra": random.uniform(10, 10.5, n), "dec": random.uniform(0, 0.5, n), "part": np.arange(n) % 5}
        for band in "gri":
            columns[f"psfmag_{band}"] = random.normal(17, 0.3, n).astype("f4")
        stars = support.make_fits(self.path("s.fits"), columns)
        self.skyfold("import", "--input", stars, "--output", self.path("c.h5"))
        words = ["locus", "--catalogue", self.path("c.h5"), "--bands", "g,r,i", "--bands.magnitude", "psfmag_{band}", "--output", self.path("l.h5")]
        chosen = f"id in ({SDSS + 1}, {SDSS + 2}, {SDSS + 17}) or id > {SDSS + n - 3}.5"
        for target in (["--traverse"], ["--targets", stars]):
            with self.subTest(target=target[0]):
                self.skyfold(*words, *target, "--targets.where", chosen, "--fresh")
                self.assertEqual(sorted(support.read_group(self.path("l.h5"))["id"].tolist()), [SDSS + k for k in (1, 2, 17, n - 2, n - 1)])
        self.skyfold(*words, "--targets", stars, "--targets.where", "part & 4 and not r > 99", "--fresh")
        self.assertEqual(len(support.read_group(self.path("l.h5"))["id"]), n // 5)


if __name__ == "__main__":
    support.main()
