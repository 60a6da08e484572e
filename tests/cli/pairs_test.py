"""`match A B`: pairs of two tables against brute force, for every kind of answer and any number of ranks."""
import filecmp
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

ROWS = 900


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


class Pairs(support.SkyfoldTest):
    """Two skies with crowds about RA 0 and a pole, of which one is a catalogue and the other a plain table, too."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(4)
        skies = []
        for k, first_id in ((0, 0), (1, 10**6)):
            ra = np.concatenate([random.normal(0, 0.002, ROWS // 3) % 360, random.uniform(0, 360, ROWS // 3), random.uniform(0, 360, ROWS // 3)])
            dec = np.concatenate([random.normal(30, 0.002, ROWS // 3), 90 - random.gamma(1, 0.003, ROWS // 3), random.uniform(-80, 80, ROWS // 3)])
            skies.append({"id": np.arange(ROWS) + first_id, "ra": ra, "dec": dec, "mag": random.normal(20, 1, ROWS).astype("f4"), "count": np.arange(ROWS, dtype="i4")})
        skies[1]["ra"][-200:], skies[1]["dec"][-200:] = skies[0]["ra"][-200:], skies[0]["dec"][-200:] + 1e-4
        cls.tables = [support.make_fits(cls.base / f"{name}.fits", sky, units={"ra": "deg", "dec": "deg"}) for name, sky in zip("ab", skies)]
        cls.a, cls.b = str(cls.base / "a.h5"), str(cls.base / "b.h5")
        for table, output in zip(cls.tables, (cls.a, cls.b)):
            cls.skyfold("import", "--input", table, "--output", output)
        cls.first, cls.second = support.read_group(cls.a), support.read_group(cls.b)
        chord = np.linalg.norm(unit(cls.first["ra"], cls.first["dec"])[:, None] - unit(cls.second["ra"], cls.second["dec"])[None], axis=2)
        cls.arcsec = np.degrees(2 * np.arcsin(chord / 2)) * 3600

    def match(self, *options, output="m.h5", ranks=0, tables=None):
        path = self.path(output)
        self.skyfold("match", *(tables or (self.a, self.b)), *options, "--output", path, ranks=ranks)
        return support.read_group(path) if output.endswith("h5") else path

    def expected(self, radius, most):
        """Places of pairs, in the order of the first table, nearest first."""
        pairs = []
        for i, row in enumerate(self.arcsec):
            near = np.flatnonzero(row <= radius)
            pairs += [(i, k) for k in near[np.argsort(row[near], kind="stable")][:most]]
        return np.array(pairs)

    def test_nearest_some_and_all_equal_brute_force(self):
        for find, most in (("nearest", 1), ("3", 3), ("all", None)):
            with self.subTest(find):
                pairs = self.expected(10, most)
                rows = self.match("--radius", '10"', "--find", find, output=f"{find}.h5")
                np.testing.assert_array_equal(rows["id"], self.first["id"][pairs[:, 0]])
                np.testing.assert_array_equal(rows["id_2"], self.second["id"][pairs[:, 1]])
                np.testing.assert_allclose(rows["separation"], self.arcsec[pairs[:, 0], pairs[:, 1]], atol=1e-8)
                self.assertGreater(len(pairs), 300)

    def test_joins(self):
        has = (self.arcsec <= 2).any(axis=1)
        rows = self.match("--radius", '2"', "--join", "1not2", output="n.h5")
        np.testing.assert_array_equal(rows["id"], self.first["id"][~has])
        self.assertNotIn("id_2", rows)
        rows = self.match("--radius", '2"', "--join", "all", output="l.h5")
        np.testing.assert_array_equal(rows["id"], self.first["id"])
        np.testing.assert_array_equal(np.isnan(rows["separation"]), ~has)
        np.testing.assert_array_equal(rows["count_2"] == np.iinfo("i4").min, ~has)
        np.testing.assert_array_equal(np.isnan(rows["mag_2"]), ~has)

    def test_symmetric_pairs_are_nearest_to_each_other(self):
        within = np.where(self.arcsec <= 30, self.arcsec, np.inf)
        best, back = within.argmin(axis=1), within.argmin(axis=0)
        chosen = [i for i in range(ROWS) if within[i, best[i]] < np.inf and back[best[i]] == i]
        rows = self.match("--radius", "0.5'", "--symmetric", output="s.h5")
        np.testing.assert_array_equal(rows["id"], self.first["id"][chosen])
        np.testing.assert_array_equal(rows["id_2"], self.second["id"][best[chosen]])

    def test_ranks_forms_and_plain_tables_agree(self):
        options = ("--radius", '10"', "--find", "all", "--columns", "id,id_2,mag - mag_2 as dmag,separation")
        for ending in ("csv", "fits", "h5"):
            for ranks in (0, 3):
                self.match(*options, output=f"r{ranks}.{ending}", ranks=ranks)
            self.assertTrue(filecmp.cmp(self.path(f"r0.{ending}"), self.path(f"r3.{ending}"), shallow=False), ending)
        self.match(*options, output="plain.csv", tables=self.tables)
        self.assertTrue(filecmp.cmp(self.path("r0.csv"), self.path("plain.csv"), shallow=False))

    def test_what_is_wrong_gets_one_line(self):
        out = ["--output", self.path("x.h5")]
        for words, options in (("radius is missing", [self.a, self.b, *out]), ("second is missing", [self.a, "--radius", '1"', *out]),
                               ("has no unit", [self.a, self.b, "--radius", "1", *out]), ("must be nearest", [self.a, self.b, "--radius", '1"', "--find", "best", *out]),
                               ("only the nearest", [self.a, self.b, "--radius", '1"', "--find", "all", "--symmetric", *out]),
                               ("other kind of match", [self.a, self.b, "--radius", '1"', "--cuts", "mag < 2", *out]), ("spec is missing", ["--catalogue", self.a, *out]),
                               ("other kind of match", ["--spec", self.a, "--catalogue", self.b, "--find", "all", *out])):
            with self.subTest(words):
                result = self.run_skyfold("match", *options)
                self.assertEqual(result.code, 2, str(result))
                self.assertIn(words, " ".join(result.errors()), str(result))
                self.assertEqual(len(result.errors()), 1, str(result))


if __name__ == "__main__":
    support.main()
