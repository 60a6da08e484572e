"""The command sky-map from outside: GROUP BY pixel by numpy, maps read by healpy, the layout of healsparse, the same bytes on any ranks."""
import pathlib
import sys

import healpy
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, read_bytes, read_group

STATS = ["--stat", "count,mean:mag_i,mean:mag_g - mag_i as gi,std:mag_i,min:mag_i,max:mag_i,median:mag_i,count:mag_g"]


class SkyMap(support.SkyfoldTest):
    """70,000 objects about (0, -30), so that blocks end within pixels and RA goes through 0."""

    N, NSIDE = 70_000, 64

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(11)
        cls.ra, cls.dec = rng.normal(0, 3, cls.N) % 360, rng.normal(-30, 3, cls.N)
        cls.ra[:200], cls.dec[:200] = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
        cls.mag_i = rng.uniform(17, 24, cls.N)
        cls.mag_g = (cls.mag_i + rng.normal(1, 0.3, cls.N)).astype(np.float32)
        cls.mag_g[rng.uniform(size=cls.N) < 0.1] = np.nan
        cls.err_i = 10 ** (0.4 * (cls.mag_i - 24.5)) * rng.uniform(0.9, 1.1, cls.N)
        table = make_fits(cls.base / "t.fits", {"id": np.arange(cls.N), "ra": cls.ra, "dec": cls.dec, "mag_g": cls.mag_g, "mag_i": cls.mag_i,
                                                 "mag_err_i": cls.err_i}, units={"mag_i": "mag"})
        cls.catalogues = {}
        for ordering in ("healpix", "attribute"):
            path = cls.catalogues[ordering] = str(cls.base / f"{ordering}.h5")
            result = cls.run_skyfold("import", "--input", table, "--output", path, "--ordering", ordering,
                                     *(["--ordering.column", "mag_i"] if ordering == "attribute" else []))
            assert result.code == 0, result
        cls.pix = healpy.ang2pix(cls.NSIDE, cls.ra, cls.dec, nest=True, lonlat=True)

    def map(self, *words, name="m", ranks=0, code=0, catalogue="healpix", nside=None):
        result = self.run_skyfold("sky-map", self.catalogues[catalogue], "--nside", nside or self.NSIDE, "--output", self.path(name + ".h5"),
                                  *words, ranks=ranks)
        self.assertEqual(result.code, code, result)
        return result

    def group(self, values, reduce, chosen=slice(None)):
        pix, values = self.pix[chosen], values[chosen].astype(float)
        order = np.argsort(pix, kind="stable")
        pixels, first = np.unique(pix[order], return_index=True)
        return np.array([reduce(v[~np.isnan(v)]) if (~np.isnan(v)).any() else np.nan for v in np.split(values[order], first[1:])])

    def check(self, rows, chosen=slice(None)):
        pixels, n = np.unique(self.pix[chosen], return_counts=True)
        np.testing.assert_array_equal(rows["pix"], pixels)
        np.testing.assert_array_equal(rows["n"], n)
        with np.errstate(invalid="ignore"):
            for name, values, reduce in (("avg_ra", self.ra, np.mean), ("avg_dec", self.dec, np.mean), ("mean_mag_i", self.mag_i, np.mean),
                                         ("gi", self.mag_g.astype(float) - self.mag_i, np.mean),
                                         ("std_mag_i", self.mag_i, lambda v: np.std(v, ddof=1) if len(v) > 1 else np.nan),
                                         ("min_mag_i", self.mag_i, np.min), ("max_mag_i", self.mag_i, np.max),
                                         ("median_mag_i", self.mag_i, np.median)):
                np.testing.assert_allclose(rows[name], self.group(values, reduce, chosen), rtol=1e-12, atol=1e-12, err_msg=name)
        counts = self.group(self.mag_g, len, chosen)
        np.testing.assert_array_equal(rows["count_mag_g"], np.nan_to_num(counts))

    def test_equals_group_by_of_numpy_in_any_order_of_the_catalogue(self):
        for ordering in self.catalogues:
            self.map(*STATS, name=ordering, catalogue=ordering)
            self.check(read_group(self.path(ordering + ".h5")))

    def test_a_condition_chooses_rows(self):
        self.map(*STATS, "--where", "mag_i < 18.5 and mag_g - mag_i > 0.9")
        with np.errstate(invalid="ignore"):
            self.check(read_group(self.path("m.h5")), (self.mag_i < 18.5) & (self.mag_g.astype(float) - self.mag_i > 0.9))

    def test_a_region_holds_exactly_its_rows(self):
        def unit(ra, dec):
            ra, dec = np.radians(ra), np.radians(dec)
            return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], axis=-1)
        near = np.degrees(np.arccos(np.clip(unit(self.ra, self.dec) @ unit(359.0, -30.0), -1, 1))) <= 2
        for catalogue in self.catalogues:
            self.map(*STATS, "--cone", "359,-30,2d", "--where", "mag_i < 22", "--box", "350,10,-31,-20", name=catalogue, catalogue=catalogue)
            self.check(read_group(self.path(catalogue + ".h5")), near & (self.mag_i < 22) & (self.dec >= -31) & (self.dec <= -20))

    def test_bytes_are_the_same_on_any_ranks_and_threads(self):
        words = [*STATS, "--map", self.path("m.fits"), "--healsparse", self.path("m.hsp")]
        made = []
        for ranks, threads in ((0, 1), (2, 2), (4, 1)):
            self.map(*words, "--threads", threads, "--fresh", ranks=ranks)
            made.append([read_bytes(self.path(name)) for name in ("m.h5", "m.fits", "m.hsp")])
        self.assertEqual(made[0], made[1])
        self.assertEqual(made[0], made[2])

    def test_maps_are_read_by_healpy(self):
        for coverage in ("partial", "full"):
            self.map(*STATS, "--map", self.path("m.fits"), "--map.coverage", coverage, name=coverage)
            rows = read_group(self.path(coverage + ".h5"))
            with fits.open(self.path("m.fits"), checksum=True) as file:
                self.assertEqual(file[1].header["OBJECT"], "PARTIAL" if coverage == "partial" else "FULLSKY")
                names = file[1].columns.names
            for name in ("n", "mean_mag_i", "std_mag_i"):
                field = names.index(name) - (1 if coverage == "partial" else 0)
                values = healpy.read_map(self.path("m.fits"), field=field, nest=True, partial=coverage == "partial")
                expected = np.full(12 * self.NSIDE ** 2, np.nan)
                expected[rows["pix"]] = rows[name]
                np.testing.assert_array_equal(np.where(values == healpy.UNSEEN, np.nan, values), expected)

    def test_healsparse_finds_pixels_by_its_coverage(self):
        self.map(*STATS, "--healsparse", self.path("m.hsp"), "--healsparse.nside", 8)
        rows = read_group(self.path("m.h5"))
        with fits.open(self.path("m.hsp")) as file:
            cover, sparse, header = file["COV"].data, file["SPARSE"].data, file[1].header
        self.assertEqual((header["PIXTYPE"], header["NSIDE"], header["PRIMARY"], len(cover)), ("HEALSPARSE", self.NSIDE, "n", 12 * 64))
        self.assertNotIn("HISTORY", header)  # which healsparse reads as metadata, and cannot write again
        self.assertRegex(header["CREATOR"], "^skyfold .*sky-map$")
        pixels = np.arange(12 * self.NSIDE ** 2)
        # healsparse, get_values_pix: the row is the pixel plus the number of its coarse pixel.
        found = sparse[cover[pixels >> 6] + pixels]
        self.assertEqual(header["SENTINEL"], healpy.UNSEEN)
        expected = np.full(len(pixels), healpy.UNSEEN)
        expected[rows["pix"]] = rows["mean_mag_i"]
        np.testing.assert_array_equal(found["mean_mag_i"], expected)
        np.testing.assert_array_equal(np.flatnonzero(found["n"] != header["SENTINEL"]), rows["pix"])

    def test_depth_is_the_magnitude_of_ten_sigma(self):
        result = self.map("--stat", "depth10:mag_i", nside=8)
        self.assertIn("mag_err_i", result.err + result.out)
        signal = 2.5 / np.log(10) / self.err_i
        depth = np.where((signal >= 5) & (signal <= 20), self.mag_i + 2.5 * np.log10(signal / 10), np.nan)
        pix = healpy.ang2pix(8, self.ra, self.dec, nest=True, lonlat=True)
        rows = read_group(self.path("m.h5"))
        for pixel, found in zip(rows["pix"], rows["depth10_mag_i"]):
            values = depth[(pix == pixel) & ~np.isnan(depth)]
            self.assertTrue(np.isnan(found) if len(values) == 0 else abs(found - np.median(values)) < 1e-9)
        # 24.5 is where the error is 0.1086 mag but for the factor that was drawn.
        self.assertLess(abs(np.nanmedian(rows["depth10_mag_i"]) - (24.5 + 2.5 * np.log10(2.5 / np.log(10) / 10))), 0.1)

    def test_pictures_are_drawn(self):
        for projection in ("mollweide", "gnomonic"):
            self.map("--stat", "mean:mag_i", "--plot", self.path("p.svg"), "--plot.projection", projection, "--where", "dec < -20 and dec > -40",
                     name=projection)
            self.assertIn("<svg", pathlib.Path(self.path("p.svg")).read_text())

    def test_a_map_is_a_catalogue(self):
        self.map(*STATS)
        result = self.run_skyfold("info", "--catalogue", self.path("m.h5"))
        self.assertEqual(result.code, 0, result)
        self.assertIn("mean_mag_i", result.out)

    def test_bad_input_is_one_line(self):
        for words, code, text in ((["--stat", "mean"], 2, "of what?"), (["--stat", "mode:mag_i"], 2, "no statistic 'mode'"),
                                  (["--stat", "mean:mag_x"], 2, "no column 'mag_x'"), (["--nside", "3"], 2, "3"),
                                  (["--stat", "mean:mag_i,mean:mag_i"], 2, "two statistics"), (["--stat", "mean:mag_i as pix"], 2, "'pix'"),
                                  (["--stat", "mean:mag_i < 3"], 2, "number"), (["--where", "mag_i < 0"], 3, "none of 70,000 rows"),
                                  (["--stat", "depth10:mag_g"], 2, "errors"), (["--map.coverage", "full"], 2, "--map")):
            with self.subTest(words=words):
                result = self.run_skyfold("sky-map", self.catalogues["healpix"], "--output", self.path("bad.h5"), *words)
                self.assertEqual(result.code, code, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(text, result.errors()[0])
                self.assertFalse(pathlib.Path(self.path("bad.h5")).exists())


if __name__ == "__main__":
    support.main()
