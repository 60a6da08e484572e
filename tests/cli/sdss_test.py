"""SDSS's calibrated object lists: import of a tree of field files, clean point sources, repeated detections, crowding."""
import os
import pathlib
import struct
import sys

import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

PRIMARY, BINNED1 = 0x2000, 0x10000000
# Flags that make an object unclean: status, objc_flags, objc_flags2, objc_type; the last three for sdss-dr7 only.
SPOILED = [(0, BINNED1, 0, 6), (PRIMARY, 0, 0, 6), (PRIMARY, BINNED1 | 0x80000, 0, 6), (PRIMARY, BINNED1 | 0x20, 0, 6),
           (PRIMARY, BINNED1, 0x8000, 6), (PRIMARY, BINNED1, 0x100, 6), (PRIMARY, BINNED1, 0, 3),
           (PRIMARY, BINNED1 | 0x40000, 0, 6), (PRIMARY, BINNED1 | 0x4, 0, 6), (PRIMARY, BINNED1 | 0x80, 0, 6)]


def field(path, rows):
    os.makedirs(path.parent, exist_ok=True)
    return support.make_fits(path, {name: rows[name] for name in ("ra", "dec", "counts_model", "status", "objc_flags", "objc_flags2", "objc_type")})


def crowded(ra, dec, mag, resolution, dmag):
    """Stars with another one nearer than the resolution (arcsec) and less than dmag mag different: all pairs that are near in Dec."""
    a, d, limit = np.radians(ra), np.radians(dec), 2 * np.sin(np.radians(resolution / 3600) / 2)
    vectors = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
    order = np.argsort(vectors[:, 2])
    flag = np.zeros(len(ra), bool)
    for step in range(1, len(ra)):
        i, j = order[:-step], order[step:]
        candidates = vectors[j, 2] - vectors[i, 2] <= limit
        if not candidates.any():
            break
        i, j = i[candidates], j[candidates]
        near = (np.sum((vectors[i] - vectors[j]) ** 2, axis=1) < limit**2) & (np.abs(mag[i] - mag[j]) < dmag)
        flag[i[near]] = flag[j[near]] = True
    return flag


class Sdss(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(1)
        n = 3000
        # About the corner of HEALPix base pixels, so that neighbours have far different keys.
        cls.rows = {"ra": (359.9 + 0.2 * rng.random(n)) % 360, "dec": 0.2 * rng.random(n) - 0.1,
                    "counts_model": (15 + 7 * rng.random((n, 5))).astype("f4"), "status": np.full(n, PRIMARY, "i4"),
                    "objc_flags": np.full(n, BINNED1, "i4"), "objc_flags2": np.zeros(n, "i4"), "objc_type": np.full(n, 6, "i4")}
        cls.spoiled = rng.integers(0, 3 * len(SPOILED), n)  # most are clean
        for kind, values in enumerate(SPOILED):
            for name, value in zip(("status", "objc_flags", "objc_flags2", "objc_type"), values):
                cls.rows[name][cls.spoiled == kind] = value
        cls.root = cls.base / "tree"
        cut = lambda rows: {name: values[rows] for name, values in cls.rows.items()}
        # Three fields of which the second repeats a hundred objects of the first.
        cls.parts = [np.arange(0, 1000), np.concatenate([np.arange(900, 1000), np.arange(1000, 2000)]), np.arange(2000, 3000)]
        for number, part in enumerate(cls.parts):
            field(cls.root / "94" / "40" / "calibChunks" / "3" / f"tsObj-000094-3-40-{number:04d}.fit", cut(part))
        pathlib.Path(cls.root, "94", "notes.fit").write_text("not a field")

    def imported(self, *words, **options):
        self.skyfold("import", "--profile", "sdss-tsobj", "--output", self.path("c.h5"), "--fresh", *words, **options)
        return support.read_group(self.path("c.h5"))

    def expected(self, clean):
        kept = self.spoiled >= {"locus": 7, "sdss-dr7": 10, "none": 0}[clean]
        return np.flatnonzero(kept | (self.spoiled >= len(SPOILED)))

    def test_clean_point_sources_are_taken_and_repeated_ones_merged(self):
        for clean in ("locus", "sdss-dr7", "none"):
            with self.subTest(clean):
                found, rows = self.imported("--input", self.root, "--clean", clean), self.expected(clean)
                order = np.lexsort((self.rows["dec"][rows], self.rows["ra"][rows]))
                mine = np.lexsort((found["dec"], found["ra"]))
                np.testing.assert_array_equal(found["ra"][mine], self.rows["ra"][rows][order])
                for k, band in enumerate("ugriz"):
                    np.testing.assert_array_equal(found[band][mine], self.rows["counts_model"][rows, k][order])
                self.assertEqual(len(np.unique(found["id"])), len(rows))

    def test_crowded_stars_are_flagged_across_all_borders(self):
        for words, resolution, band, dmag in [([], 10.8, 2, 5), (["--crowding.resolution", 20, "--crowding.band", "g", "--crowding.dmag", 2], 20, 1, 2)]:
            found = self.imported("--input", self.root, *words)
            expected = crowded(found["ra"], found["dec"], found["ugriz"[band]], resolution, dmag)
            self.assertGreater(expected.sum(), 100)
            np.testing.assert_array_equal(found["crowded"].astype(bool), expected)

    def test_crowded_stars_are_flagged_across_blocks_of_rows(self):
        rng, n = np.random.default_rng(2), 80_000  # two blocks
        stars = {"ra": (359.3 + 1.4 * rng.random(n)) % 360, "dec": 41.7 + 0.6 * rng.random(n), "mag": 15 + 7 * rng.random((n, 5))}
        found = self.imported("--input", support.make_fits(self.path("many_local.fit"), stars), ranks=2)
        expected = crowded(found["ra"], found["dec"], found["r"], 10.8, 5)
        self.assertTrue(0.3 < expected.mean() < 0.99)
        np.testing.assert_array_equal(found["crowded"].astype(bool), expected)

    def test_any_number_of_ranks_gives_the_same_bytes(self):
        self.imported("--input", self.root, "--threads", 1)
        reference = support.read_bytes(self.path("c.h5"))
        for ranks in (2, 3):
            self.imported("--input", self.root, ranks=ranks)
            self.assertTrue(support.read_bytes(self.path("c.h5")) == reference, f"{ranks} ranks")

    def test_an_import_that_was_killed_goes_on(self):
        self.imported("--input", self.root)
        reference = support.read_bytes(self.path("c.h5"))
        words = ["import", "--profile", "sdss-tsobj", "--input", self.root, "--output", self.path("k.h5")]
        self.assertLess(self.run_skyfold(*words, "--farm.fault", "kill@0:1").code, 0)
        self.skyfold(*words)
        self.assertTrue(support.read_bytes(self.path("k.h5")) == reference)

    def test_files_lists_and_local_files_can_be_inputs_too(self):
        from_tree = self.imported("--input", self.root)
        files = sorted(map(str, self.root.rglob("tsObj*.fit")))
        listed = b"".join(path.encode().ljust(150, b"\0") for path in files)
        for count in "qi":
            pathlib.Path(self.path("all.prm")).write_bytes(struct.pack("<" + count, len(files)) + listed)
            for inputs in (files, [self.path("all.prm")]):
                found = self.imported("--input", *inputs)
                for name in from_tree:
                    np.testing.assert_array_equal(found[name], from_tree[name])
        pathlib.Path(self.path("fields.csv")).write_text("run,rerun,camcol,field\n" + "".join(f"94,40,3,{k}\n" for k in range(3)))
        self.skyfold("locus", "parameters", "--list", self.path("fields.csv"), "--root", self.root, "--instances", 2, "--output", self.path("w"))
        for inputs in (["--input", self.path("fields.csv"), "--root", self.root], ["--input", self.path("w_0_2.prm"), self.path("w_2_3.prm")]):
            found = self.imported(*inputs)
            for name in from_tree:
                np.testing.assert_array_equal(found[name], from_tree[name])
        local = {"ra": from_tree["ra"], "dec": from_tree["dec"], "mag": np.stack([from_tree[b] for b in "ugriz"], axis=1).astype("f8")}
        found = self.imported("--input", support.make_fits(self.path("tsObj-000094-3-40-0000_local.fit"), local))
        for name in from_tree:
            np.testing.assert_array_equal(found[name], from_tree[name])

    def test_local_files_are_those_of_the_published_programs(self):
        told = self.skyfold("import", "--profile", "sdss-tsobj", "--input", self.root, "--output", self.path("c.h5"), "--local-files", self.path("local"), ranks=2)
        before = after = taken = 0
        for number, part in enumerate(self.parts):
            name = f"94/40/calibChunks/3/tsObj-000094-3-40-{number:04d}"
            with fits.open(self.path(f"local/{name}_local.fit"), checksum=True) as hdus:
                self.assertEqual(len(hdus), 2)
                self.assertEqual([(column.name, column.format) for column in hdus[1].columns], [("ra", "D"), ("dec", "D"), ("mag", "5D")])
                rows = part[np.isin(part, self.expected("locus"))]
                for column, values in (("ra", self.rows["ra"]), ("dec", self.rows["dec"]), ("mag", self.rows["counts_model"].astype("f8"))):
                    np.testing.assert_array_equal(hdus[1].data[column], values[rows])
            before += os.path.getsize(self.root / f"{name}.fit")
            after += os.path.getsize(self.path(f"local/{name}_local.fit"))
            taken += len(rows)
        self.assertIn(f"{taken:,} of {sum(map(len, self.parts)):,} rows, {after:,} of {before:,} bytes, reduced {before / after:.1f} times", told.err)
        from_local, from_tree = self.imported("--input", self.path("local")), self.imported("--input", self.root)
        for name in from_tree:
            np.testing.assert_array_equal(from_local[name], from_tree[name])
        listed = self.path("fields.csv")
        pathlib.Path(listed).write_text("REF RUN,REF RERUN,REF CAMCOL,REF FIELD,NoFields,Field Number,RUN,RERUN,CAMCOL,FIELD\n" +
                                        "".join(f"94,40,3,0,3,{k},94,40,3,{k}\n" for k in range(3)))
        self.skyfold("locus", "--list", listed, "--root", self.path("local"), "--output", self.path("p.h5"), "--locus.dcol", 2)
        self.assertEqual(len(support.read_group(self.path("p.h5"))["ra"]), np.isin(self.parts[0], self.expected("locus")).sum())

    def test_local_files_of_local_files_or_of_other_tables_are_refused(self):
        self.skyfold("import", "--profile", "sdss-tsobj", "--input", self.root, "--output", self.path("c.h5"), "--local-files", self.path("local"))
        for words, message in ((["--profile", "sdss-tsobj", "--input", self.path("local")], "a local file itself"),
                               (["--input", self.path("local/94/40/calibChunks/3/tsObj-000094-3-40-0000_local.fit")], "local-files")):
            result = self.run_skyfold("import", *words, "--output", self.path("d.h5"), "--local-files", self.path("again"))
            self.assertEqual(result.code, 2, str(result))
            self.assertIn(message, result.errors()[0])
            self.assertFalse(os.path.exists(self.path("again")))

    def test_the_catalogue_can_be_searched(self):
        self.imported("--input", self.root)
        self.skyfold("locus", "--traverse", "--catalogue", self.path("c.h5"), "--output", self.path("p.h5"), "--locus.dcol", 2)
        pointings = support.read_group(self.path("p.h5"))
        self.assertGreater((pointings["status"] == 0).sum(), 100)

    def test_errors_name_what_is_wrong(self):
        empty = self.path("empty")
        os.mkdir(empty)
        bare = support.make_fits(self.path("tsObj-bare.fit"), {"ra": np.zeros(3), "dec": np.zeros(3)})
        pathlib.Path(self.path("gone.csv")).write_text("run,rerun,camcol,field\n94,40,3,0\n94,40,3,7\n94,40,3,8\n")
        for inputs, code, message in [(empty, 2, "no field files"), (self.path("gone.csv"), 4, "3 of 3 are missing, also"), (bare, 3, "no column counts_model"), (self.path("none.prm"), 4, "none.prm"),
                                      (self.root / "94" / "notes.fit", 4, "notes.fit")]:
            result = self.run_skyfold("import", "--profile", "sdss-tsobj", "--input", inputs, "--output", self.path("e.h5"))
            self.assertEqual(result.code, code, str(result))
            self.assertIn(message, result.errors()[0])


if __name__ == "__main__":
    support.main()
