"""info from outside: what tables of every kind hold, the area they cover, how deep they go, against numpy and healpy."""
import csv
import json
import pathlib
import sys

import h5py
import healpy
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_fits, make_hdf5


def peak(magnitudes, bin_width=0.1):
    """Middle of the fullest bin, the brightest of equals; by np.unique, which knows nothing of growing histograms."""
    bins, counts = np.unique(np.floor(magnitudes / bin_width), return_counts=True)
    return (bins[np.argmax(counts)] + 0.5) * bin_width


class Info(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(5)
        n = 6000
        cls.objects = {"id": np.arange(n) + 2**60 + 1, "ra": rng.uniform(355, 365, n) % 360, "dec": rng.uniform(-8, 2, n)}
        for band, depth in (("g", 24.3), ("r", 23.7), ("i", 23.1)):
            # 0.000137: no value lies at the edge of a bin, where a product by 0.1 rounds either way.
            cls.objects["mag_" + band] = np.round(depth - rng.exponential(0.9, n), 3) + 0.000137
            cls.objects["mag_err_" + band] = np.full(n, 0.1)
        cls.objects["mag_g"][:400] = 99.0    # not detected
        cls.objects["mag_r"][400:700] = np.nan  # not observed
        cls.objects["tile"] = np.where(cls.objects["dec"] < -3, b"south", b"north")

    def observed(self, band, chosen=slice(None)):
        magnitudes = self.objects["mag_" + band][chosen]
        return magnitudes[np.isfinite(magnitudes) & (magnitudes < 90)]

    def tables(self):
        fits = make_fits(self.path("t.fits"), self.objects)
        self.skyfold("import", "--input", fits, "--output", self.path("c.h5"))
        self.skyfold("import", "--input", fits, "--output", self.path("tiles.h5"), "--ordering", "tile")
        return [fits, make_csv(self.path("t.csv"), self.objects), make_hdf5(self.path("t.hdf5"), self.objects), self.path("c.h5"), self.path("tiles.h5")]

    def described(self, *words):
        return json.loads(self.skyfold("info", *words, "--json").out)

    def test_every_kind_of_table(self):
        pixels = np.unique(healpy.ang2pix(64, self.objects["ra"], self.objects["dec"], nest=True, lonlat=True))
        for table in self.tables():
            with self.subTest(table=table):
                told = self.described(table, "--depth", "--area.order", "6")
                self.assertEqual(told["rows"], 6000)
                columns = {column["name"]: column for column in told["columns"]}
                self.assertEqual((columns["id"]["min"], columns["id"]["max"]), (2**60 + 1, 2**60 + 6000))  # no double holds these
                self.assertEqual(columns["mag_r"]["missing"], 300)
                for name in ("ra", "dec", "mag_g"):
                    self.assertEqual((columns[name]["min"], columns[name]["max"]), (self.objects[name].min(), self.objects[name].max()))
                self.assertEqual(told["area"]["pixels"], len(pixels))
                self.assertAlmostEqual(told["area_deg2"], len(pixels) * healpy.nside2pixarea(64, degrees=True), places=9)
                for band in told["depth"]["bands"]:
                    self.assertEqual(band["objects"], len(self.observed(band["band"])))
                    self.assertAlmostEqual(band["depth_mag"], peak(self.observed(band["band"])), places=9)
                self.assertEqual([band["band"] for band in told["depth"]["bands"]], ["g", "r", "i"])

    def test_depth_by_pixel_and_tile(self):
        pixel = healpy.ang2pix(16, self.objects["ra"], self.objects["dec"], nest=True, lonlat=True)
        for table in self.tables():
            with self.subTest(table=table):
                self.skyfold("info", table, "--depth.map", self.path("d.fits"), "--depth.nside", "16", "--depth.objects", "500", "--depth.bin", "0.25",
                             "--depth.tiles", self.path("d.csv"))
                for i, band in enumerate("gri"):
                    depth = healpy.read_map(self.path("d.fits"), field=i, nest=True)
                    expected = np.full(3072, healpy.UNSEEN)
                    for p in np.unique(pixel):
                        magnitudes = self.observed(band, pixel == p)
                        if len(magnitudes) >= 500:
                            expected[p] = peak(magnitudes, 0.25)
                    self.assertTrue(0 < np.count_nonzero(expected != healpy.UNSEEN) < len(np.unique(pixel)))
                    np.testing.assert_array_equal(depth, expected.astype(np.float32))
                with open(self.path("d.csv"), newline="") as file:
                    rows = {row["tile"]: row for row in csv.DictReader(file)}
                self.assertEqual(set(rows), {"north", "south"})
                for name, row in rows.items():
                    magnitudes = self.observed("r", self.objects["tile"] == name.encode())
                    self.assertEqual((int(row["objects_r"]), float(row["depth_r"])), (len(magnitudes), peak(magnitudes, 0.25)))

    def test_pictures(self):
        whole_sky = {"ra": np.linspace(0, 359, 500), "dec": np.linspace(-80, 80, 500)}
        for name, columns, words in (("patch", self.objects, "declination [deg]"), ("sky", whole_sky, "Mollweide"), ("one", {"ra": np.array([10.0]), "dec": np.array([90.0])}, "Mollweide|declination")):
            self.skyfold("info", make_csv(self.path(name + ".csv"), columns), "--footprint", self.path(name + ".svg"))
            picture = pathlib.Path(self.path(name + ".svg")).read_text()
            self.assertRegex(picture, words.replace("[", r"\["))
            self.assertIn("objects per square degree", picture)
            self.assertIn(name + ".csv", picture)

    def test_a_model_tells_what_it_is_and_has_no_sky(self):
        sample = {**{name: values[:800] for name, values in self.objects.items() if name != "tile"}, "z_spec": np.linspace(0.1, 1.3, 800)}
        model = self.path("m.h5")
        self.skyfold("train", "--sample", make_hdf5(self.path("s.h5"), sample), "--output", model, "--train.fraction", 1, "--calibrate", "none", "--dnf.neighbours", 17)
        told = self.described(model)
        self.assertEqual((told["algorithm"], told["calibration"], told["z_max"], told["parameters"]["dnf.neighbours"]), ("dnf", None, 1.3, "17"))
        self.assertEqual({t["name"]: t["rows"] for t in told["tables"]}["training"], int(told["record"]["training_objects"]))
        self.assertIn("calibration: none", self.skyfold("info", model).out)
        self.assertEqual(self.described(model, "--input.group", "/training")["rows"], int(told["record"]["training_objects"]))
        for words in (("--depth",), ("--footprint", self.path("f.svg"))):
            done = self.run_skyfold("info", model, *words)
            self.assertEqual((done.code, len(done.errors())), (2, 1), done)
            self.assertIn(f"{words[0]} has no part in this run", done.errors()[0])
        with h5py.File(model, "r+") as file:
            file["training/z"][5] += 0.01
        done = self.run_skyfold("info", model, "--verify-inputs", "off")
        self.assertEqual((done.code, len(done.errors())), (3, 1), done)
        self.assertIn("checksum", done.errors()[0])

    def test_what_cannot_be_told_is_refused(self):
        bare = make_csv(self.path("bare.csv"), {"x": np.arange(5.0), "mag_g": np.arange(5.0) + 20, "mag_err_g": np.ones(5)})
        nowhere = make_csv(self.path("nowhere.csv"), {"ra": np.full(5, np.nan), "dec": np.full(5, np.nan)})
        for words, code, message in (((bare, "--footprint", self.path("f.svg")), 2, "no coordinates are known .--footprint"),
                                     ((bare, "--depth.map", self.path("f.fits")), 2, "no coordinates are known .--depth.map"),
                                     ((bare, "--depth.tiles", self.path("f.csv"), "--bands", "g", "--bands.magnitude", "mag_{band}"), 2, "no column of tiles"),
                                     ((nowhere, "--depth"), 2, "magnitude"),
                                     ((nowhere, "--footprint", self.path("f.svg")), 3, "no object has a position"),
                                     ((bare, "--depth.nside", "48"), 2, "power of two"),
                                     ((bare, "--depth.tiles", bare), 2, "bare.csv"),
                                     ((self.path("gone.fits"),), 4, "no such file")):
            with self.subTest(words=words):
                done = self.run_skyfold("info", *words)
                self.assertEqual(done.code, code, done)
                self.assertEqual(len(done.errors()), 1, done)
                self.assertRegex(done.errors()[0], message)
        self.assertEqual([path.name for path in pathlib.Path(self.folder).glob("f.*")], [])
        self.skyfold("import", "--input", make_csv(self.path("five.csv"), {"ra": np.arange(5.0), "dec": np.zeros(5)}), "--output", self.path("five.h5"), "--columns.id", "none")
        for key in (-1, 12 * 4**29):
            with h5py.File(self.path("five.h5"), "r+") as file:
                file["object/_healpix_29"][3] = key
            done = self.run_skyfold("info", self.path("five.h5"), "--verify-inputs", "off")
            self.assertEqual(done.code, 3, done)
            self.assertIn(f"{key} is no HEALPix index", done.errors()[0])
        self.assertEqual(self.described(bare)["columns"][0]["max"], 4.0)
        self.assertEqual(self.described(nowhere)["without_position"], 5)


if __name__ == "__main__":
    support.main()
