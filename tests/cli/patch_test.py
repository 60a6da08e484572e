"""The command patch from outside: the same bytes for every layout, discs across borders of patches, what is wrong with an input."""
import pathlib
import sys

import healpy as hp
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_fits, read_bytes, read_group

NSIDE = 128


def write_map(path, columns, nside=NSIDE, **header):
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(name=name, format="1024E", unit="K_CMB", array=np.asarray(values, "f4").reshape(-1, 1024)) for name, values in columns.items()])
    hdu.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": nside, "INDXSCHM": "IMPLICIT", "COORDSYS": "G", **header})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return str(path)


class PatchCommand(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(1)
        cls.map = write_map(cls.base / "m.fits", {name: rng.normal(size=12 * NSIDE**2) for name in ("I_STOKES", "Q_STOKES", "U_STOKES")})
        lon = np.append(rng.uniform(0, 360, 800), np.arange(0, 360, 45 / 4))  # borders of patches too
        lat = np.append(np.degrees(np.arcsin(rng.uniform(-1, 1, 800))), np.zeros(32))
        cls.columns = {"NAME": np.array([f"S{i:04d}" for i in range(len(lon))], "S8"), "GLON": lon, "GLAT": lat}
        cls.sources = make_fits(cls.base / "s.fits", cls.columns)

    words = ("--measure", "disc", "aperture", "psf", "gauss", "polarisation", "--patch.radius", 120, "--channel.fwhm", 100, "--channel.frequency", 100)

    def patch(self, name, *words, maps=None, sources=None, measure=None, **options):
        output = self.path(name)
        self.skyfold("patch", "--maps", maps or self.map, "--sources", sources or self.sources, "--output", output, "--fits", output + ".fits", "--text",
                     output + ".tsv", *(measure or self.words), *words, **options)
        return [read_bytes(path) for path in (output, output + ".fits", output + ".tsv")]

    def fails(self, code, message, *words, maps=None, sources=None):
        result = self.run_skyfold("patch", "--maps", maps or self.map, "--sources", sources or self.sources, "--output", self.path("x.h5"), *words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)


class Identity(PatchCommand):
    def test_products_have_the_same_bytes_for_any_ranks_threads_and_patches(self):
        whole = self.patch("a.h5", "--threads", 1)
        for ranks, words in ((1, ("--threads", 2)), (2, ("--partition.nside", 2)), (3, ("--partition.by", "box", "--threads", 2)),
                             (4, ("--farm.block_rows", 100, "--partitions-per-job", 3))):
            with self.subTest(ranks=ranks, words=words):
                self.assertEqual(self.patch(f"b{ranks}.h5", *words, ranks=ranks), whole)

    def test_maps_shared_by_ranks_give_the_same_bytes_as_maps_read_in_pieces(self):
        few = {name: values[:40] for name, values in self.columns.items()}  # few enough to read pieces of the map
        few_path = make_fits(self.path("few.fits"), few)
        measure = ("--measure", "disc", "--patch.radius", 30)
        self.patch("few.h5", sources=few_path, measure=measure)
        self.patch("all.h5", measure=measure, ranks=3)
        few_rows, all_rows = read_group(self.path("few.h5")), read_group(self.path("all.h5"))
        order = np.argsort(all_rows["row"])[few_rows["row"]]
        for name, values in few_rows.items():
            np.testing.assert_array_equal(values, all_rows[name][order], name)

    def test_sources_may_stand_in_any_kind_of_table_and_in_any_order(self):
        self.patch("a.h5")
        shuffled = np.random.default_rng(2).permutation(len(self.columns["NAME"]))
        csv = make_csv(self.path("s.csv"), {name: values[shuffled] for name, values in self.columns.items()})
        self.patch("b.h5", sources=csv)
        a, b = read_group(self.path("a.h5")), read_group(self.path("b.h5"))
        for name in a.keys() - {"row", "NAME"}:
            np.testing.assert_array_equal(a[name], b[name], name)
        catalogue = self.path("c.h5")
        rotated = hp.Rotator(coord=["G", "C"])(self.columns["GLON"], self.columns["GLAT"], lonlat=True)
        self.skyfold("import", "--input", make_fits(self.path("c.fits"), {"id": np.arange(len(rotated[0])), "ra": rotated[0] % 360, "dec": rotated[1]}),
                     "--output", catalogue)
        self.patch("d.h5", sources=catalogue)
        d = read_group(self.path("d.h5"))
        np.testing.assert_array_equal(d["row"], np.arange(len(d["row"])))  # the catalogue is in this order
        order, other = np.argsort(a["row"]), np.argsort(d["id"])
        np.testing.assert_allclose(d["mean"][other], a["mean"][order], rtol=1e-12)
        # offsets and angles are in the frame of the positions, the rest does not know of it
        np.testing.assert_allclose(d["psf_flux"][other], a["psf_flux"][order], rtol=1e-6)

    def test_discs_across_borders_of_patches_are_whole(self):
        at_once = self.patch("a.h5", "--partition.nside", 16, measure=("--measure", "disc", "--patch.radius", 200))
        rows = read_group(self.path("a.h5"))
        values = fits.getdata(self.map)["I_STOKES"].ravel()
        for i in range(len(rows["GLON"])):
            pixels = hp.query_disc(NSIDE, hp.ang2vec(np.radians(90 - rows["GLAT"][i]), np.radians(rows["GLON"][i])), np.radians(200 / 60))
            self.assertEqual(rows["n_pix"][i], len(pixels))
            self.assertEqual(rows["mean"][i], np.cumsum(values[pixels].astype("f8"))[-1] / len(pixels))
        self.assertEqual(at_once, self.patch("b.h5", "--partition.nside", 1, measure=("--measure", "disc", "--patch.radius", 200)))

    def test_a_second_call_has_nothing_to_do(self):
        first = self.patch("a.h5")
        self.assertEqual(self.patch("a.h5"), first)


class Orders(PatchCommand):
    """Products in the order of tiles and of an attribute, which are the partitions then."""

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(12)
        n = len(self.columns["NAME"])
        self.tiles = np.array([f"T{k:02d}" for k in rng.integers(0, 7, n)])
        self.flux = np.where(rng.random(n) < 0.1, np.nan, rng.uniform(0, 9, n))
        self.ordered = make_fits(self.path("o.fits"), {**self.columns, "TILENAME": self.tiles, "S": self.flux, "K": rng.integers(0, 5, n)})

    measure = ("--measure", "disc", "--patch.radius", 120)

    def test_rows_are_ordered_by_tile_or_attribute_and_then_along_the_sky_with_the_same_numbers(self):
        self.patch("a.h5", sources=self.ordered, measure=self.measure)
        sky = read_group(self.path("a.h5"))
        for words, key in ((("--ordering", "tile", "--columns.tile", "TILENAME"), sky["TILENAME"]),
                           (("--ordering", "attribute", "--ordering.column", "S"), np.where(np.isnan(sky["S"]), np.inf, sky["S"])),
                           (("--ordering", "attribute", "--ordering.column", "K"), sky["K"])):
            with self.subTest(words=words):
                self.patch("b.h5", *words, "--fresh", sources=self.ordered, measure=self.measure)
                order = np.argsort(key, kind="stable")
                for name, values in read_group(self.path("b.h5")).items():
                    np.testing.assert_array_equal(values, sky[name][order], name)
                self.assertEqual(read_bytes(self.path("b.h5.tsv")), read_bytes(self.path("a.h5.tsv")))  # in the order of the input
                self.assertIn(f"ordered by {words[1]}", self.skyfold("info", "--catalogue", self.path("b.h5")).out)

    def test_any_ranks_and_bins_give_the_same_bytes(self):
        for words, others in ((("--ordering", "tile", "--columns.tile", "TILENAME"), ()),
                              (("--ordering", "attribute", "--ordering.column", "S"), ("--partition.bins", "fixed:3"))):
            whole = self.patch("a.h5", *words, "--fresh", sources=self.ordered, measure=self.measure)
            self.assertEqual(self.patch("b.h5", *words, *others, "--fresh", sources=self.ordered, measure=self.measure, ranks=3), whole)
        result = self.skyfold("patch", "--maps", self.map, "--sources", self.ordered, "--output", self.path("c.h5"), *self.measure, "--ordering", "attribute",
                              "--ordering.column", "S", "--partition.bins", "edges:2,5")
        self.assertIn("832 sources in 4 patches", result.out + result.err)  # below, between, above, and those without a value

    def test_columns_that_do_not_order_are_refused(self):
        self.fails(2, "no column of tiles found", "--ordering", "tile")
        self.fails(2, "no column 'X'", "--ordering", "attribute", "--ordering.column", "X")
        self.fails(2, "NAME does not hold numbers .named by --ordering.column", "--ordering", "attribute", "--ordering.column", "NAME")
        self.fails(2, "GLON does not hold texts .named by --columns.tile", "--ordering", "tile", "--columns.tile", "GLON")
        self.fails(2, "needs --ordering.column", "--ordering", "attribute")
        self.fails(2, "partition.bins", "--partition.bins", "fixed:3")
        self.fails(2, "partition.by", "--ordering", "tile", "--columns.tile", "NAME", "--partition.by", "box")


class OwnMaps(PatchCommand):
    """Several catalogues, each on its own map: judged by runs of each one and by healpy."""
    channels = ("030", "044", "857")
    units = ("K_CMB", "K_CMB", "MJy/sr")

    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(11)
        self.maps, self.catalogues, self.rows, self.values = [], [], [], []
        for i, channel in enumerate(self.channels):
            nside = (128, 128, 64)[i]
            values = rng.normal(1, 0.3, size=12 * nside**2).astype("f4")
            self.values.append(values)
            self.maps.append(write_map(self.path(f"m{channel}.fits"), {"I_STOKES": values, "Q_STOKES": values, "U_STOKES": values}, nside))
            fits.setval(self.maps[-1], "TUNIT1", value=self.units[i], ext=1)
            n = (40, 60, 30)[i]
            columns = {"NAME": np.array([f"PCCS1 {channel} G{k:03d}" for k in rng.permutation(n)]), "GLON": rng.uniform(0, 360, n),
                       "GLAT": rng.uniform(-90, 90, n), "DETFLUX": rng.uniform(1, 9, n).astype("f4" if i else "f8"), f"ONLY_{channel}": np.zeros(n)}
            self.rows.append(columns)
            self.catalogues.append(make_fits(self.path(f"f{channel}.fits"), columns, {"DETFLUX": "mJy"}))
        self.pairs = ",".join(f"{c}={m}" for c, m in zip(self.catalogues, self.maps))

    measures = ("--measure", "disc", "--patch.radius", 150, "--map.mixed_nside", "--channel.name", ",".join(channels))

    def run_pairs(self, name, *words, sources=None, **options):
        output = self.path(name)
        result = self.skyfold("patch", *(sources or ("--sources", self.pairs)), "--output", output, "--fits", output + ".fits", "--text", output + ".tsv",
                              *self.measures, *words, **options)
        return result, [read_bytes(path) for path in (output, output + ".fits", output + ".tsv")]

    def test_each_source_is_measured_on_its_own_map_as_alone(self):
        result, _ = self.run_pairs("a.h5")
        rows = read_group(self.path("a.h5"))
        self.assertEqual(len(rows["map"]), 130)
        self.assertTrue(np.all(np.diff(rows["_healpix_29"]) >= 0))
        for i, channel in enumerate(self.channels):
            alone = self.path("x.h5")
            self.skyfold("patch", "--maps", self.maps[i], "--sources", self.catalogues[i], "--output", alone, "--measure", "disc", "--patch.radius", 150, "--fresh")
            expected, mine = read_group(alone), rows["map"] == i + 1
            for name in ("row", "NAME", "GLON", "mean", "median", "rms", "n_pix", "coverage", "flags", "DETFLUX"):
                np.testing.assert_array_equal(np.asarray(rows[name][mine]), np.asarray(expected[name]), f"{channel} {name}")
            self.assertEqual({(c.decode(), u.decode()) for c, u in zip(rows["channel"][mine], rows["map_unit"][mine])}, {(channel, self.units[i])})
            self.assertRegex(result.out, f"{channel}: {mine.sum()} sources, 0 flagged")
            self.assertRegex(result.out, f"{channel}: mean x .* against DETFLUX of the catalogue: {mine.sum()} sources, median ratio 1.0000")
        self.assertIn("columns that not all of the 3 tables have alike are left out: ONLY_030, ONLY_044, ONLY_857", result.out + result.err)

    def test_the_text_is_merged_by_key_and_has_the_means_of_healpy(self):
        self.run_pairs("a.h5")
        expected = []
        for columns, values in zip(self.rows, self.values):
            nside = hp.get_nside(values)
            for name, lon, lat in zip(columns["NAME"], columns["GLON"], columns["GLAT"]):
                pixels = hp.query_disc(nside, hp.ang2vec(np.radians(90 - lat), np.radians(lon)), np.radians(2.5))
                expected.append(f"{name}_150arcminmean\t{np.cumsum(values[pixels].astype('f8'))[-1] / len(pixels):.5e}\n")
        self.assertEqual(pathlib.Path(self.path("a.h5.tsv")).read_text(), "".join(sorted(expected)))

    def test_names_that_two_catalogues_have_get_their_channel(self):
        for i, columns in enumerate(self.rows):
            columns["NAME"] = np.array([f"G{k:03d}" for k in range(len(columns["GLON"]))])
            make_fits(self.catalogues[i], columns)
        self.run_pairs("a.h5")
        lines = pathlib.Path(self.path("a.h5.tsv")).read_text().splitlines()
        self.assertEqual(len(lines), 130)
        self.assertEqual([line.split("\t")[0] for line in lines[:4]], [f"G000_{c}_150arcminmean" for c in self.channels] + ["G001_030_150arcminmean"])

    def test_products_have_the_same_bytes_for_any_ranks_and_from_a_manifest(self):
        _, whole = self.run_pairs("a.h5", "--threads", 1)
        for ranks, words in ((2, ("--threads", 2)), (3, ("--farm.block_rows", 40, "--partition.by", "box"))):
            self.assertEqual(self.run_pairs(f"b{ranks}.h5", *words, ranks=ranks)[1][2], whole[2])
            self.assertEqual(self.run_pairs(f"b{ranks}.h5", *words, ranks=ranks)[1], whole)
        names = [pathlib.Path(path).name for path in (*self.catalogues, *self.maps)]
        manifest = self.path("m.csv")
        pathlib.Path(manifest).write_text("frequency,catalogue,map\n" + "".join(f"{c},{names[i]},{names[i + 3]}\n" for i, c in enumerate(self.channels)))
        output = self.path("c.h5")
        self.skyfold("patch", "--manifest", manifest, "--output", output, "--text", output + ".tsv", *self.measures[:5])
        self.assertEqual(read_bytes(output + ".tsv"), whole[2])
        rows, others = read_group(output), read_group(self.path("a.h5"))
        for name, values in others.items():
            np.testing.assert_array_equal(rows[name], values, name)

    def test_the_same_files_measured_otherwise_are_another_run(self):
        output = self.path("o.h5")
        alone = ("--maps", self.maps[0], "--sources", self.catalogues[0]), ("--sources", f"{self.catalogues[0]}={self.maps[0]}")
        for words, has_map in zip((*alone, alone[0]), (False, True, False)):
            self.skyfold("patch", *words, "--output", output, "--measure", "mean", "--patch.radius", 150)
            self.assertEqual("map_unit" in read_group(output), has_map)

    def test_fluxes_and_polarisation_are_those_of_the_own_channel(self):
        words = ("--measure", "psf", "polarisation", "--channel.fwhm", "120,90,200", "--channel.frequency", "28.4,44.1,857")
        output = self.path("o.h5")
        self.skyfold("patch", "--sources", self.pairs, "--output", output, *self.measures[4:], *words)
        rows = read_group(output)
        for i, (fwhm, frequency) in enumerate(((120, 28.4), (90, 44.1), (200, 857))):
            alone = self.path("x.h5")
            self.skyfold("patch", "--maps", self.maps[i], "--sources", self.catalogues[i], "--output", alone, "--fresh", *words[:3], "--channel.fwhm", fwhm,
                         "--channel.frequency", frequency)
            expected, mine = read_group(alone), rows["map"] == i + 1
            for name in ("psf_flux", "psf_flux_err", "pol_flux", "pol_angle", "flags"):
                np.testing.assert_array_equal(rows[name][mine], expected[name], name)

    def test_what_does_not_go_together_is_one_line(self):
        def fails(code, message, *words):
            result = self.run_skyfold("patch", "--output", self.path("x.h5"), *words)
            self.assertEqual((result.code, len(result.errors())), (code, 1), result)
            self.assertRegex(result.errors()[0], message)

        c, m = self.catalogues, self.maps
        fails(2, "no sources .give --sources or --manifest", "--maps", m[0])
        fails(2, "no maps .give --maps", "--sources", c[0])
        fails(2, "leave out --maps", "--sources", f"{c[0]}={m[0]}", "--maps", m[0])
        fails(2, "has no map", "--sources", f"{c[0]}={m[0]},{c[1]}")
        fails(2, "is no pair", "--sources", f"{c[0]}=")
        fails(4, "nope.fits: no such file", "--sources", f"{c[0]}={m[0]},{c[1]}=nope.fits")
        other = make_fits(self.path("o.fits"), {"RA": np.zeros(2), "DEC": np.zeros(2)})
        fails(2, "positions in RA, DEC .C., but in GLON, GLAT .G. of", "--sources", f"{c[0]}={m[0]},{other}={m[1]}")
        manifest = pathlib.Path(self.path("m.csv"))
        manifest.write_text("frequency,catalogue\n30,a.fits\n")
        fails(3, "no column map .a manifest has frequency, catalogue and map", "--manifest", manifest)
        manifest.write_text(f"frequency,catalogue,map\n30,{c[0]},{m[0]}\n44,{c[1]},\n")
        fails(3, "row 2: map is empty", "--manifest", manifest)
        fails(2, "--manifest and --sources or --maps", "--manifest", manifest, "--maps", m[0])


class Plots(PatchCommand):
    """Texts of the pictures; healpy gives the numbers that they are about."""

    def drawn(self, sources, *words):
        self.skyfold("patch", "--maps", self.map, "--sources", sources, "--output", self.path("o.h5"), "--plot", *words)
        return [pathlib.Path(self.path(name)).read_text() for name in ("o.fluxes.svg", "o.sources.svg")]

    def test_without_fluxes_the_distribution_of_means_is_drawn_and_stamps_have_axes_and_circles(self):
        distribution, stamps = self.drawn(self.sources, "--measure", "mean", "--patch.radius", 120, "--channel.fwhm", 100)
        self.assertIn("The table has no fluxes to compare with: what was measured", distribution)
        self.assertIn("mean [K_CMB], from the 1st to the 99th percentile", distribution)
        self.assertNotIn(">equal<", distribution)
        for text in ("map [K_CMB]: the brightest by mean", "north up, east left, red circle: disc of 120 arcmin, orange and dashed: beam of FWHM 100 arcmin",
                     "offset east [arcmin]", "offset north [arcmin]"):
            self.assertIn(text, stamps)
        rows = read_group(self.path("o.h5"))
        brightest = rows["NAME"][np.argsort(-rows["mean"], kind="stable")[:8]]
        for name in brightest:
            self.assertIn(name.decode() if isinstance(name, bytes) else name, stamps)

    def test_means_are_compared_with_fluxes_up_to_a_factor(self):
        values = fits.getdata(self.map)["I_STOKES"].ravel()
        means = np.array([values[hp.query_disc(NSIDE, hp.ang2vec(np.radians(90 - lat), np.radians(lon)), np.radians(2.0))].mean(dtype="f8")
                          for lon, lat in zip(self.columns["GLON"], self.columns["GLAT"])])
        flux = np.where(means > 0, means * 250 * np.exp(np.random.default_rng(3).normal(0, 0.02, len(means))), 1.0)
        flux[means.argmax()] *= 4
        sources = make_fits(self.path("f.fits"), {**self.columns, "DETFLUX": flux * 1000}, {"DETFLUX": "mJy"})
        result = self.skyfold("patch", "--maps", self.map, "--sources", sources, "--output", self.path("o.h5"), "--plot", "--measure", "disc",
                              "--patch.radius", 120)
        factor = 1 / np.median((means / flux)[means > 0])
        self.assertRegex(result.out, f"map: mean x {factor:.5g} Jy per K_CMB against DETFLUX of the catalogue: {(means > 0).sum()} sources, median ratio 1.0000")
        self.assertIn("1 outliers", result.out)
        self.assertIn(f"outlier {self.columns['NAME'][means.argmax()].decode()}", result.out)
        self.assertIn(f"mean x {factor:.5g} Jy per K_CMB over DETFLUX", pathlib.Path(self.path("o.fluxes.svg")).read_text())

    def test_a_disc_smaller_than_a_pixel_is_told_with_both_sizes(self):
        result = self.skyfold("patch", "--maps", self.map, "--sources", self.sources, "--output", self.path("o.h5"))
        line = "a pixel is 27.48 arcmin wide, the disc's radius 10 arcmin: sources whose disc holds no centre of a pixel are flagged"
        self.assertIn(line, result.out + result.err)
        flagged = np.sum(read_group(self.path("o.h5"))["n_pix"] == 0)
        self.assertIn(f"map: 832 sources, {flagged} flagged (disc {flagged})", result.out)
        again = self.skyfold("patch", "--maps", self.map, "--sources", self.sources, "--output", self.path("p.h5"), "--patch.membership", "inclusive")
        self.assertNotIn("a pixel is", again.out + again.err)


class BadInput(PatchCommand):
    def test_maps_that_are_none(self):
        self.fails(3, "not a HEALPix map", maps=self.sources)
        self.fails(4, "no such file", maps=self.path("absent.fits"))
        text = self.path("t.fits")
        pathlib.Path(text).write_text("hello")
        self.fails(3, "not a FITS file", maps=text)
        cut = self.path("cut.fits")
        pathlib.Path(cut).write_bytes(read_bytes(self.map)[:200000])
        self.fails(3, "truncated", maps=cut)
        self.fails(3, "NSIDE = 64 has", maps=write_map(self.path("n.fits"), {"T": np.zeros(12 * NSIDE**2)}, NSIDE=64))

    def test_missing_keywords_must_be_given(self):
        no_frame = write_map(self.path("f.fits"), {"T": np.zeros(12 * NSIDE**2)})
        with fits.open(no_frame, mode="update") as hdus:
            del hdus[1].header["COORDSYS"], hdus[1].header["TUNIT1"]
        self.fails(3, "COORDSYS is missing .give --map.frame", maps=no_frame)
        self.fails(2, "no unit .needed for fluxes; give --map.unit", "--map.frame", "G", "--measure", "psf", "--channel.fwhm", 60, "--channel.frequency", 30,
                   maps=no_frame)
        self.fails(2, "no beam .fluxes need --channel.fwhm", "--measure", "psf")
        self.fails(2, "no frequency", "--measure", "psf", "--channel.fwhm", 60)

    def test_columns_that_are_not_there(self):
        self.fails(2, "no column 'I_STOKE' .did you mean 'I_STOKES'", "--map.intensity", "I_STOKE")
        self.fails(2, "no column 'LON'", "--columns.lon", "LON", "--columns.lat", "GLAT")
        plain = make_fits(self.path("p.fits"), {"x": np.zeros(3), "y": np.zeros(3)})
        self.fails(2, "no coordinates found", sources=plain)
        self.fails(2, "the frame of x and y is not known", "--columns.lon", "x", "--columns.lat", "y", sources=plain)
        only = write_map(self.path("t.fits"), {"T": np.zeros(12 * NSIDE**2)})
        self.fails(2, "no columns of Q and U", "--measure", "polarisation", "--channel.fwhm", 60, "--channel.frequency", 30, maps=only)

    def test_sources_without_coordinates(self):
        lost = make_fits(self.path("l.fits"), {"glon": np.array([1.0, np.nan]), "glat": np.array([1.0, 2.0])})
        self.fails(3, "row 2: glon = nan, glat = 2", sources=lost)
        beyond = make_fits(self.path("b.fits"), {"glon": np.array([1.0]), "glat": np.array([91.0])})
        self.fails(3, "row 1: glon = 1, glat = 91", sources=beyond)

    def test_masks_of_another_resolution(self):
        mask = write_map(self.path("k.fits"), {"MASK": np.ones(12 * 64**2)}, nside=64)
        self.fails(3, "NSide = 64, but 128", "--masks", mask)

    def test_maps_of_different_resolutions_must_be_meant(self):
        coarse = write_map(self.path("c.fits"), {"I_STOKES": np.ones(12 * 64**2)}, nside=64)
        self.fails(3, "maps of NSide 128, 64 in one run", maps=f"{self.map},{coarse}")

    def test_radii_larger_than_the_patches(self):
        self.fails(2, "radius of 10 degrees is larger than the patches of 7.329 degrees", "--patch.radius", 600)

    def test_channels_that_do_not_fit(self):
        self.fails(2, "no channel '143'", "--channels", "143", "--channel.name", "100,217", "--channel.frequency", "100,217")
        self.fails(2, "which channel is it", "--channel.name", "100,217", "--channel.frequency", "100,217")
        self.fails(2, "channel.fwhm has 2 entries .must have 3", "--channel.name", "100,143,217", "--channel.fwhm", "1,2")
        self.fails(2, "another map is of channel 100 too", "--channels", "100,100", "--channel.name", "100,217", maps=f"{self.map},{self.map}")

    def test_names_that_are_taken(self):
        taken = make_fits(self.path("t.fits"), {"glon": np.zeros(2), "glat": np.zeros(2), "MEAN": np.zeros(2)})
        self.fails(2, "its column mean goes into the product", sources=taken)

    def test_map_commands(self):
        for words, code, message in ((("info", self.sources), 3, "not a HEALPix map"), (("ud-grade", self.map, "--nside", 100, "--output", self.path("o.fits")), 2, "power of two"),
                                     (("reorder", self.map, "--output", self.map), 2, "")):
            result = self.run_skyfold("map", *words)
            self.assertEqual(result.code, code, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertIn(message, result.errors()[0])


class Channels(PatchCommand):
    def test_maps_find_their_channel_by_the_keyword_freq(self):
        configuration = str(support.SOURCE / "config" / "patch-planck.ini")
        maps = [write_map(self.path(f"{i}.fits"), {"I_STOKES": np.full(12 * NSIDE**2, i)}, FREQ=freq) for i, freq in ((1, "143"), (2, "030"))]
        self.skyfold("patch", "--config", configuration, "--maps", ",".join(maps), "--sources", self.sources, "--output", self.path("o.h5"), "--measure", "mean",
                     "--patch.radius", 60)
        columns = read_group(self.path("o.h5"))
        self.assertTrue(np.all(columns["mean_143"] == 1))
        self.assertTrue(np.all(columns["mean_030"] == 2))

    def test_the_nine_channels_of_planck_have_their_conversions(self):
        configuration = str(support.SOURCE / "config" / "patch-planck.ini")
        names = ["030", "044", "070", "100", "143", "217", "353", "545", "857"]
        pixels = np.array(hp.pix2vec(NSIDE, np.arange(12 * NSIDE**2)))
        beam = np.exp(-4 * np.log(2) * (np.degrees(np.arccos(np.clip(pixels[0], -1, 1))) * 60 / 120) ** 2)  # at (0, 0)
        m = write_map(self.path("m.fits"), {"T": beam})
        sources = make_fits(self.path("o.fits"), {"glon": np.zeros(1), "glat": np.zeros(1)})
        self.skyfold("patch", "--config", configuration, "--maps", ",".join([m] * 9), "--channels", ",".join(names), "--channel.fwhm", 120, "--channel.omega",
                     16316.2, "--channel.omega-1", 15296.4, "--channel.omega-2", 16316, "--sources", sources, "--output", self.path("o.h5"), "--measure", "psf")
        columns = read_group(self.path("o.h5"))
        expected = [24.270, 56.837, 134.18, 244.1, 371.74, 483.690, 287.450, 58.04, 2.27]
        for name, value in zip(names, expected):
            flux = value * 16316.2 * (np.pi / 180 / 60) ** 2 * 1e6
            self.assertAlmostEqual(columns["psf_flux_" + name][0] / flux, 1, places=4)


if __name__ == "__main__":
    support.main()
