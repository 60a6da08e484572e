"""Maps of healsparse, written by astropy by its file specification, and masks of truth values: the same numbers as of whole maps."""
import pathlib
import sys

import healpy as hp
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, read_bytes, read_group

NSIDE, COARSE = 256, 8
FINE = (NSIDE // COARSE) ** 2


def make_healsparse(path, values, covered, sentinel, form="image", shuffle=True, checksum=False, **header):
    """The layout of healsparse: `values` of all pixels, NESTED, of which the covered coarse pixels are stored, in any order, behind a block of
    the sentinel. A structured array becomes a table."""
    covered = np.random.default_rng(9).permutation(covered) if shuffle else np.asarray(covered)
    cover = -np.arange(12 * COARSE**2, dtype="i8") * FINE
    cover[covered] += (np.arange(len(covered)) + 1) * FINE
    blocks = values.reshape(12 * COARSE**2, FINE)[covered]
    first = np.zeros_like(values[:FINE])
    if values.dtype.names:
        first[header["PRIMARY"]] = sentinel
    else:
        first[:] = sentinel
    stored = np.concatenate([first, blocks.ravel()])
    if form == "bits":
        stored = np.packbits(stored.astype(bool), bitorder="little")
        header["BITPACK"] = True
    if form == "packed":
        hdu = fits.CompImageHDU(data=stored, compression_type="GZIP_2", tile_size=(FINE,), quantize_level=0.0)
    else:
        hdu = fits.BinTableHDU(stored) if values.dtype.names else fits.ImageHDU(stored)
    hdu.header.update(EXTNAME="SPARSE", PIXTYPE="HEALSPARSE", NSIDE=NSIDE, SENTINEL=bool(sentinel) if form == "bits" else sentinel, **header)
    coverage = fits.PrimaryHDU(cover)
    coverage.header.update(EXTNAME="COV", PIXTYPE="HEALSPARSE", NSIDE=COARSE)
    fits.HDUList([coverage, hdu]).writeto(path, overwrite=True, checksum=checksum)
    if form == "packed":  # as healsparse does it: astropy writes another word than CFITSIO reads for floats that are not quantised
        data = pathlib.Path(path).read_bytes().replace(b"ZQUANTIZ= 'NO_DITHER'", b"ZQUANTIZ= 'NONE     '")
        pathlib.Path(path).write_bytes(data)
    return str(path)


class Sparse(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(3)
        cls.values = rng.normal(size=12 * NSIDE**2).astype("f4")
        cls.values[rng.random(len(cls.values)) < 0.1] = hp.UNSEEN
        cls.covered = np.sort(rng.choice(12 * COARSE**2, 300, replace=False))
        cls.is_covered = np.repeat(np.isin(np.arange(12 * COARSE**2), cls.covered), FINE)
        cls.whole = cls.base / "whole.fits"
        cls.write_map(cls.whole, np.where(cls.is_covered, cls.values, hp.UNSEEN))
        cls.few, cls.many = (cls.write_sources(cls.base / f"{n}.fits", n) for n in (30, 2000))

    @staticmethod
    def write_map(path, values, dtype="f4", **words):
        hp.write_map(str(path), values, nest=True, dtype=dtype, coord="C", overwrite=True, **words)
        return str(path)

    @staticmethod
    def write_sources(path, n):
        rng = np.random.default_rng(n)
        return make_fits(path, {"id": np.arange(n), "ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n)))})

    def measured(self, path, sources, *words, **options):
        output = self.path("o.h5")
        self.skyfold("patch", "--maps", path, "--sources", sources, "--output", output, "--fresh", "--measure", "disc", "--patch.radius", 60,
                     "--patch.min-coverage", 0.2, *words, **options)
        return read_group(output)

    def check_like_whole(self, path, *words, whole=None, **options):
        # Few sources read pieces of the file, many the whole of it.
        for sources in (self.few, self.many):
            expected = self.measured(whole or self.whole, sources)
            found = self.measured(path, sources, "--map.frame", "C", *words, **options)
            self.assertGreater(np.isfinite(expected["mean"]).sum(), 5)
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values, name)


class Maps(Sparse):
    def test_images_of_floats_plain_and_compressed_give_what_the_whole_map_gives(self):
        for form in ("image", "packed"):
            for dtype in ("f4", "f8"):
                with self.subTest(form=form, dtype=dtype):
                    self.check_like_whole(make_healsparse(self.path("s.hsp"), self.values.astype(dtype), self.covered, hp.UNSEEN, form, checksum=True),
                                          ranks=2 if dtype == "f8" else 1)

    def test_images_of_integers_have_their_sentinel(self):
        for dtype, sentinel in (("i2", -32767), ("i4", -2147483647), ("i8", -9223372036854775807), ("u2", 65535)):
            numbers = np.where(self.values == hp.UNSEEN, 0, np.clip(np.abs(self.values) * 1000, 0, 30000)).astype(dtype)
            numbers[self.values == hp.UNSEEN] = sentinel
            whole = self.write_map(self.path("w.fits"), np.where(self.is_covered & (numbers != sentinel), numbers.astype("f8"), hp.UNSEEN), "f8")
            for form in ("image", "packed") if dtype in ("i2", "i4") else ("image",):
                with self.subTest(dtype=dtype, form=form):
                    self.check_like_whole(make_healsparse(self.path("s.hsp"), numbers, self.covered, sentinel, form), whole=whole)

    def test_in_tables_the_primary_column_says_which_pixels_have_values(self):
        table = np.zeros(len(self.values), [("n", "i4"), ("depth", "f4")])
        table["depth"] = np.where(self.values == hp.UNSEEN, 5, self.values)
        table["n"] = np.where(self.values == hp.UNSEEN, -9, 3)
        path = make_healsparse(self.path("s.hsp"), table, self.covered, -9, PRIMARY="n")
        self.check_like_whole(path, "--map.intensity", "depth")
        self.check_like_whole(make_healsparse(self.path("t.hsp"), table, self.covered, 0, PRIMARY="n"), "--map.intensity", "depth",
                              whole=self.write_map(self.path("w.fits"), np.where(self.is_covered, table["depth"], hp.UNSEEN)))

    def test_maps_of_our_own_making_are_read(self):
        catalogue = self.path("c.h5")
        rng = np.random.default_rng(4)
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), {"id": np.arange(5000), "ra": rng.uniform(0, 60, 5000), "dec": rng.uniform(0, 40, 5000)}),
                     "--output", catalogue)
        self.skyfold("sky-map", catalogue, "--nside", 64, "--stat", "count", "--output", self.path("m.h5"), "--map", self.path("m.fits"), "--map.coverage", "full",
                     "--healsparse", self.path("m.hsp"))
        a, b = (self.measured(self.path(name), self.many, "--map.frame", "C", "--map.intensity", "avg_dec") for name in ("m.fits", "m.hsp"))
        self.assertGreater(np.isfinite(a["mean"]).sum(), 20)
        np.testing.assert_array_equal(a["mean"], b["mean"])

    def test_info_and_reorder_make_whole_maps_of_them(self):
        path = make_healsparse(self.path("s.hsp"), self.values, self.covered, hp.UNSEEN, "packed")
        out = self.skyfold("map", "info", path).out
        self.assertIn("healsparse, 307,200 pixels in covered coarse ones", out)
        self.skyfold("map", "reorder", path, "--map.frame", "C", "--output", self.path("r.fits"))
        expected = np.where(self.is_covered, self.values, hp.UNSEEN).astype("f4")
        np.testing.assert_array_equal(hp.read_map(self.path("r.fits"), nest=True, dtype=np.float32), expected)


class Masks(Sparse):
    def masked(self, mask, *words, sources=None):
        return self.measured(self.whole, sources or self.many, "--masks", mask, *words)

    def test_masks_of_truth_values_are_those_of_zeros_and_ones(self):
        inside = np.random.default_rng(5).random(len(self.values)) < 0.5
        expected = self.masked(self.write_map(self.path("n.fits"), inside.astype("f4")))
        packed = make_healsparse(self.path("b.hsp"), inside, np.arange(12 * COARSE**2), False, "bits")
        wide = np.zeros((len(inside), 2), "u1")
        wide[:, 1] = np.where(inside, 4, 0)
        for name, mask, words in (("bool", self.write_map(self.path("l.fits"), inside, dtype=bool), ()), ("packed bits", packed, ()),
                                  ("int16", make_healsparse(self.path("i.hsp"), inside.astype("i2"), np.arange(12 * COARSE**2), 0), ()),
                                  ("wide", self.wide_mask(wide), ("--map.mask", "bits_8_15"))):
            with self.subTest(name):
                for key, values in self.masked(mask, *words).items():
                    np.testing.assert_array_equal(values, expected[key], key)

    def wide_mask(self, bits):
        cover = np.arange(12 * COARSE**2, dtype="i8") * 0 + FINE  # all blocks are there, in order, behind the first
        stored = np.concatenate([np.zeros((FINE, bits.shape[1]), "u1"), bits]).ravel()
        hdu = fits.ImageHDU(stored)
        hdu.header.update(EXTNAME="SPARSE", PIXTYPE="HEALSPARSE", NSIDE=NSIDE, SENTINEL=0, WIDEMASK=True, WWIDTH=bits.shape[1])
        coverage = fits.PrimaryHDU(cover)
        coverage.header.update(EXTNAME="COV", PIXTYPE="HEALSPARSE", NSIDE=COARSE)
        fits.HDUList([coverage, hdu]).writeto(self.path("w.hsp"), overwrite=True)
        return self.path("w.hsp")

    def test_a_map_of_truth_values_has_fractions_for_means(self):
        inside = np.random.default_rng(6).random(len(self.values)) < 0.5
        flags, numbers = (self.write_map(self.path(f"{i}.fits"), inside, dtype=dtype) for i, dtype in enumerate((bool, "f4")))
        a, b = (self.measured(path, self.many)["mean"] for path in (flags, numbers))
        np.testing.assert_array_equal(a, b)


class Damaged(Sparse):
    def fails(self, code, message, path, *words):
        result = self.run_skyfold("map", "info", path, *words)
        self.assertEqual((result.code, len(result.errors())), (code, 1), result)
        self.assertRegex(result.errors()[0], message)

    def test_what_is_wrong_is_one_line(self):
        path = make_healsparse(self.path("s.hsp"), self.values, self.covered, hp.UNSEEN)
        whole = read_bytes(path)
        at = whole.index(b"END" + b" " * 77) // 2880 * 2880 + 2880  # of the coarse pixels
        pointer = np.frombuffer(whole, ">i8", 12 * COARSE**2, at).copy()
        broken = self.path("x.hsp")
        for value, message in ((1 << 62, "COV points coarse pixel 0 to row"), (FINE + 1, "COV points coarse pixel 0 to row 1025 of")):
            changed = pointer.copy()
            changed[0] = value
            pathlib.Path(broken).write_bytes(whole[:at] + changed.tobytes() + whole[at + changed.nbytes:])
            self.fails(3, message, broken)
        pathlib.Path(broken).write_bytes(whole[:len(whole) // 2])
        self.fails(3, "truncated", broken)
        pathlib.Path(broken).write_bytes(whole.replace(b"EXTNAME = 'SPARSE  '", b"EXTNAME = 'SPARSES '"))
        self.fails(3, "without an extension SPARSE", broken)
        pathlib.Path(broken).write_bytes(whole.replace(b"NSIDE   =                  256", b"NSIDE   =                  255"))
        self.fails(3, "must be a power of two", broken)
        pathlib.Path(broken).write_bytes(whole.replace(b"NSIDE   =                  256", b"NSIDE   =                    4"))
        self.fails(3, "NSIDE = 4 of the fine pixels, 8 of the coarse", broken)
        self.fails(2, "which is NESTED", path, "--map.ordering", "RING")
        self.fails(2, "which is one map", path, "--map.hdu", "1")
        result = self.run_skyfold("patch", "--maps", path, "--sources", self.few, "--output", self.path("o.h5"))
        self.assertEqual(result.code, 3, result)
        self.assertIn("COORDSYS is missing (give --map.frame", result.errors()[0])


if __name__ == "__main__":
    support.main()
