"""Stamps of maps, judged by astropy's projections and healpy's discs."""
import pathlib
import sys

import healpy as hp
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, read_bytes

NSIDE = 128


class Cut(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(7)
        cls.values = rng.normal(size=(2, 12 * NSIDE**2)).astype("f4")
        cls.values[:, rng.random(12 * NSIDE**2) < 0.05] = hp.UNSEEN
        cls.lon = np.append(rng.uniform(0, 360, 20), [0.01, 359.99, 45, 10])
        cls.lat = np.append(rng.uniform(-80, 80, 20), [0, -0.02, 89.9, -90])
        cls.names = np.array([f"S {i:02d}" for i in range(len(cls.lon))])

    def inputs(self, nested=False, frame="G", names=("glon", "glat")):
        path = self.path("m.fits")
        stored = [hp.reorder(v, r2n=True) if nested else v for v in self.values]
        hp.write_map(path, stored, nest=nested, dtype=[np.float32] * 2, coord=frame, column_names=("I", "N"), column_units=("K_CMB", ""), overwrite=True)
        return path, make_fits(self.path("s.fits"), {"name": self.names, names[0]: self.lon, names[1]: self.lat})

    def cut(self, *words, **options):
        output = self.path("c.fits")
        result = self.skyfold("map", "cut", *words, "--output", output, **options)
        return result, output

    def test_images_have_the_pixel_that_astropy_finds_in_every_cell(self):
        turn = {"GG": None, "CG": hp.Rotator(coord=["C", "G"]), "GE": hp.Rotator(coord=["G", "E"])}
        for frames, names, types in (("GG", ("glon", "glat"), "GLON-TAN"), ("CG", ("ra", "dec"), "RA---TAN"), ("GE", ("glon", "glat"), "GLON-TAN")):
            for nested in (False, True):
                with self.subTest(frames=frames, nested=nested):
                    path, sources = self.inputs(nested, frames[1], names)
                    self.cut(path, "--sources", sources, "--radius", 120, "--cell", 10)
                    with fits.open(self.path("c.fits")) as hdus:
                        self.assertEqual([h.name for h in hdus[1:]], list(self.names))
                        for i, hdu in enumerate(hdus[1:]):
                            header = hdu.header
                            self.assertEqual((hdu.shape, header["CTYPE1"], header["BUNIT"], header["NSIDE"], header["ROW"], header["MAP"]),
                                             ((25, 25), types, "K_CMB", NSIDE, i, "m.fits"))
                            wcs = WCS(header)
                            y, x = np.mgrid[:25, :25]
                            lon, lat = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
                            np.testing.assert_allclose(wcs.all_world2pix([[self.lon[i], max(self.lat[i], -89.9999999)]], 0), [[12, 12]], atol=1e-3)
                            vectors = hp.ang2vec(lon, lat, lonlat=True)
                            if turn[frames]:
                                vectors = turn[frames](vectors.T).T
                            expected = self.values[0][hp.vec2pix(NSIDE, *vectors.T)]
                            expected = np.where(expected == hp.UNSEEN, np.nan, expected)
                            same = np.isclose(hdu.data.ravel(), expected, rtol=0, atol=0, equal_nan=True)
                            # A cell's middle may lie on the border of two pixels to the last digit.
                            self.assertGreater(same.mean(), 0.995)

    def test_lists_of_pixels_are_the_discs_of_healpy_in_the_maps_numbering(self):
        for nested in (False, True):
            path, sources = self.inputs(nested)
            self.cut(path, "--sources", sources, "--form", "pixels", "--radius", 90)
            table = fits.getdata(self.path("c.fits"), 1)
            stored = [hp.reorder(v, r2n=True) if nested else v for v in self.values]
            for i in range(len(self.lon)):
                vector = hp.ang2vec(np.radians(90 - self.lat[i]), np.radians(self.lon[i]))
                pixels = hp.query_disc(NSIDE, vector, np.radians(1.5))
                rows = table[table["row"] == i]
                numbers = hp.ring2nest(NSIDE, pixels) if nested else pixels
                np.testing.assert_array_equal(rows["pixel"], numbers)
                self.assertEqual(set(rows["source"]), {self.names[i]})
                centres = np.array(hp.pix2vec(NSIDE, pixels)).T
                np.testing.assert_allclose(rows["distance"], 2 * np.degrees(np.arcsin(np.linalg.norm(centres - vector, axis=1) / 2)) * 60, rtol=1e-9, atol=1e-9)
                for name, values in zip(("I", "N"), stored):
                    np.testing.assert_array_equal(rows[name], np.where(values[numbers] == hp.UNSEEN, np.nan, values[numbers]))

    def test_few_sources_and_many_and_any_number_of_threads_give_the_same_bytes(self):
        path, sources = self.inputs()
        for form in ("image", "pixels"):
            _, output = self.cut(path, "--sources", sources, "--form", form, "--threads", 1)
            one = read_bytes(output)
            self.cut(path, "--sources", sources, "--form", form, "--threads", 3)
            self.assertEqual(read_bytes(output), one)
        few = make_fits(self.path("few.fits"), {"name": self.names[:2], "glon": self.lon[:2], "glat": self.lat[:2]})
        large = self.path("large.fits")
        values = np.random.default_rng(2).normal(size=12 * 1024**2).astype("f4")
        hp.write_map(large, values, coord="G", dtype="f4", overwrite=True)
        self.cut(large, "--sources", few, "--radius", 10, "--form", "pixels")  # reads pieces of the map
        table = fits.getdata(self.path("c.fits"), 1)
        np.testing.assert_array_equal(table[table.names[-1]], values[table["pixel"]])
        self.assertGreater(len(table), 40)

    def test_what_is_wrong_is_one_line_and_leaves_no_file(self):
        path, sources = self.inputs()
        lost = make_fits(self.path("l.fits"), {"glon": np.array([1.0, np.nan]), "glat": np.array([1.0, 2.0])})
        for code, message, words in ((3, "row 2: glon = nan", ("--sources", lost)), (2, "images of 12001 x 12001 cells", ("--sources", sources, "--cell", 0.01)),
                                     (2, "cells (at most 4097", ("--sources", sources, "--cell", 1e-300)),
                                     (2, "images are of one column", ("--sources", sources, "--map.columns", "I,N")),
                                     (2, "no column 'X'", ("--sources", sources, "--map.columns", "X")), (4, "no such file", ("--sources", "absent.fits")),
                                     (2, "cell", ("--sources", sources, "--form", "pixels", "--cell", 1))):
            result = self.run_skyfold("map", "cut", path, "--output", self.path("x.fits"), *words)
            self.assertEqual((result.code, len(result.errors())), (code, 1), result)
            self.assertIn(message, result.errors()[0])
        self.assertFalse(pathlib.Path(self.path("x.fits")).exists())
        self.assertEqual([p.name for p in pathlib.Path(self.path("")).iterdir() if "tmp" in p.name or "partial" in p.name], [])


if __name__ == "__main__":
    support.main()
