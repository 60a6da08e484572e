"""Nights of FITS files from outside: what the mock makes against astropy."""
import csv
import pathlib
import sys
import warnings

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

SMALL = ["--kind", "nights", "--night.files", 7, "--night.size", 32, "--night.detections", 300]


def problems(path):
    """What astropy finds wrong with a file: a word, or ""."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with fits.open(path, checksum=True) as hdus:
                sizes = [hdu.data.size for hdu in hdus[1:]]
                doubled = any(len(set(keys)) < len(keys) for keys in ([k for k in h.header if k not in ("COMMENT", "")] for h in hdus))
        except (TypeError, OSError, ValueError):
            return "truncated"
    if any("hecksum verification failed" in str(w.message) for w in caught):
        return "wrong checksum"
    if doubled:
        return "duplicate keyword"
    return "missing extension" if len(sizes) != 4 else "empty table" if not any(sizes) else ""


class Nights(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tree = cls.base / "tree"
        cls.made = cls.run_skyfold("mock", *SMALL, "--nights", 2, "--seed", 5, "--output", cls.tree)
        assert cls.made.code == 0, cls.made
        with open(cls.base / "tree.csv", encoding="ascii") as file:
            cls.list = list(csv.DictReader(file))

    def test_every_damage_is_listed_and_nothing_else_is_damaged(self):
        files = [row for row in self.list if row["kind"] != "night"]
        self.assertEqual(sorted(str(p.relative_to(self.tree)) for p in self.tree.glob("*/*")), sorted(row["file"] for row in files))
        for row in files:
            self.assertEqual(problems(self.tree / row["file"]), row["damage"], row["file"])
        damages = [row["damage"] for row in self.list if row["damage"]]
        self.assertEqual(sorted(damages), ["duplicate keyword", "empty table", "missing extension", "no files", "truncated", "wrong checksum"])
        for row in self.list:
            if row["damage"]:
                self.assertIn(f"damaged on purpose: {row['file']}: {row['damage']}", self.made.out)
        empty = [row["file"] for row in self.list if row["kind"] == "night"]
        self.assertEqual([list((self.tree / name).iterdir()) for name in empty], [[]])

    def test_detections_are_where_the_header_and_the_pixels_say(self):
        pairs = [(a["file"], b["file"]) for a, b in zip(self.list[::2], self.list[1::2]) if not a["damage"] and not b["damage"]]
        self.assertTrue({name.endswith(".fz") for name, _ in pairs} == {True, False})
        n, kinds = 0, set()
        for image, table in pairs:
            with warnings.catch_warnings(), fits.open(self.tree / image) as pixels, fits.open(self.tree / table) as tables:
                warnings.simplefilter("ignore")
                self.assertEqual(len(tables[1].columns), 80)
                for hdu, detections in zip(pixels[1:], tables[1:]):
                    self.assertEqual(hdu.header["MAGZPT"], detections.header["MAGZPT"])
                    kinds.add((hdu.header["CTYPE1"], np.sign(np.round(hdu.header["CD1_1"], 5)), np.sign(np.round(hdu.header["CD1_2"], 5))))
                    d = detections.data
                    if len(d) == 0:
                        continue
                    sky = WCS(hdu.header).all_pix2world(d["X_coordinate"], d["Y_coordinate"], 1)
                    np.testing.assert_allclose(sky, [d["RA"], d["DEC"]], rtol=0, atol=1e-8)
                    # A bright star stands above the sky by its height, where no other is near.
                    i = np.argmax(d["Peak_height"])
                    x, y = int(round(d["X_coordinate"][i])) - 1, int(round(d["Y_coordinate"][i])) - 1
                    self.assertGreater(hdu.data[min(y, 31), min(x, 31)] - hdu.header["SKYLEVEL"], 0.5 * d["Peak_height"][i])
                    n += len(d)
        self.assertEqual(len(kinds), 8)  # two projections, four orientations
        self.assertAlmostEqual(n / (4 * len(pairs)), 300 / 28, delta=3)

    def test_the_same_bytes_on_any_ranks(self):
        other = self.path("other")
        self.skyfold("mock", *SMALL, "--nights", 2, "--seed", 5, "--output", other, ranks=3)
        for row in self.list:
            if row["kind"] != "night":
                self.assertEqual((pathlib.Path(other) / row["file"]).read_bytes(), (self.tree / row["file"]).read_bytes(), row["file"])

    def test_what_cannot_be_made_is_refused(self):
        for words, message in ((["--night.first", "2026-02-30"], r"--night.first: '2026-02-30' is no date"),
                               (["--night.damaged", 50], r"--night.damaged = 50 \(there are 7 files to damage\)"),
                               (["--objects", 5], r"--objects does not go with --kind nights")):
            result = self.run_skyfold("mock", *SMALL, *words, "--output", self.path("x"))
            self.assertEqual(result.code, 2, result)
            self.assertRegex(result.err, message)
        result = self.run_skyfold("mock", *SMALL, "--fresh", "--seed", 6, "--output", self.tree)
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"tree: has files already, such as .*st")


if __name__ == "__main__":
    support.main()
