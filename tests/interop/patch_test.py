"""Measurements on HEALPix maps, judged by healpy and numpy: maps in every FITS form, pixels, frames, masks, fluxes and angles."""
import pathlib
import sys

import h5py
import healpy as hp
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, read_group, shared

UNSEEN = hp.UNSEEN


def make_map(path, columns, nside, nested=False, repeat=1024, coord="G", units=None, pixels=None, first=None, forms=None, scaling=None, **header):
    """A HEALPix file, written cell by cell with astropy so that every form of it can be made. `forms` gives the type letter, `scaling` TSCAL,
    TZERO and TNULL by column; `pixels` makes a partial map of listed pixels, `first` one of a range."""
    table = []
    if pixels is not None:
        table.append(fits.Column(name="PIXEL", format="J", array=np.asarray(pixels, "i4")))
        repeat = 1
    count = len(next(iter(columns.values())))
    while count % repeat:
        repeat //= 2
    for name, values in columns.items():
        form = (forms or {}).get(name, "E")
        shaped = np.asarray(values).reshape(-1, repeat) if repeat > 1 else np.asarray(values)
        table.append(fits.Column(name=name, format=f"{repeat}{form}", array=shaped, unit=(units or {}).get(name)))
    hdu = fits.BinTableHDU.from_columns(table)
    for i, column in enumerate(hdu.columns, start=1):
        for key, value in zip(("TSCAL", "TZERO", "TNULL"), (scaling or {}).get(column.name, ())):
            if value is not None:
                hdu.header[f"{key}{i}"] = value
    hdu.header.update(PIXTYPE="HEALPIX", ORDERING="NESTED" if nested else "RING", NSIDE=nside)
    hdu.header["INDXSCHM"] = "IMPLICIT" if pixels is None else "EXPLICIT"
    hdu.header["OBJECT"] = "FULLSKY" if pixels is None and first is None else "PARTIAL"
    if first is not None:
        hdu.header.update(FIRSTPIX=first, LASTPIX=first + count - 1)
    if coord:
        hdu.header["COORDSYS"] = coord
    hdu.header.update(header)
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return str(path)


def healpy_disc(nside, lon, lat, radius_arcmin, inclusive=False, frames=None):
    """Pixels as healpy finds them; `frames` turns the position, e.g. ("C", "G")."""
    vector = hp.ang2vec(np.radians(90.0 - lat), np.radians(lon))
    if frames and frames[0] != frames[1]:
        vector = hp.Rotator(coord=list(frames))(vector)
    return hp.query_disc(nside, vector, np.radians(radius_arcmin / 60.0), inclusive=inclusive)


def mean_in_order(values):
    """Mean of the values that are there, added up one after the other in double precision."""
    good = values[~np.isnan(values)]
    return np.cumsum(good, dtype="f8")[-1] / len(good) if len(good) else np.nan


def awkward_positions(n=60, seed=5):
    """Random places, the poles, the seam of longitude, corners of the base pixels, the borders of the polar caps."""
    rng = np.random.default_rng(seed)
    lon = rng.uniform(0, 360, n)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    cap = np.degrees(np.arcsin(2.0 / 3.0))
    extra = [(0, 90), (17, -90), (33, 89.95), (210, -89.9), (0, 0.013), (359.9999, 10), (0.0001, -20), (180, 33)]
    extra += [(45 * k + 0.003, lat0 + 0.002) for k in range(8) for lat0 in (0, cap, -cap)]
    return np.append(lon, [p[0] for p in extra]), np.append(lat, [p[1] for p in extra])


class Patch(support.SkyfoldTest):
    def sources(self, lon, lat, names=("glon", "glat"), **columns):
        return make_fits(self.path("s.fits"), {"id": np.arange(len(lon)), names[0]: np.asarray(lon, "f8"), names[1]: np.asarray(lat, "f8"), **columns})

    def patch(self, maps, sources, *words, **options):
        """Columns of the product in the order of the sources."""
        output = self.path("o.h5")
        self.skyfold("patch", "--maps", maps, "--sources", sources, "--output", output, "--fresh", *words, **options)
        columns = read_group(output)
        order = np.argsort(columns["row"])
        return {name: values[order] for name, values in columns.items()}

    def check_means(self, columns, values, nside, lon, lat, radius, inclusive=False, frames=None, suffix=""):
        found = 0
        for i in range(len(lon)):
            pixels = healpy_disc(nside, lon[i], lat[i], radius, inclusive, frames)
            inside = values[pixels].astype("f8")
            inside[inside < -1e29] = np.nan
            n = np.count_nonzero(~np.isnan(inside))
            self.assertEqual(columns["n_pix" + suffix][i], n, (lon[i], lat[i]))
            if n and n >= 0.5 * len(pixels):
                found += 1
                self.assertEqual(columns["mean" + suffix][i], mean_in_order(inside), (lon[i], lat[i]))
                self.assertEqual(columns["flags" + suffix][i], 0)
            else:
                self.assertTrue(np.isnan(columns["mean" + suffix][i]))
                self.assertEqual(columns["flags" + suffix][i], 2)
        self.assertGreater(found, 0)


class Pixels(Patch):
    def test_means_have_the_bits_of_a_sum_over_the_discs_of_healpy(self):
        lon, lat = awkward_positions()
        rng = np.random.default_rng(1)
        for nside, radius in ((32, 200.0), (64, 97.0), (512, 10.0), (1024, 10.0), (2048, 10.0)):
            values = rng.normal(size=12 * nside**2).astype("f4")
            for nested in (False, True):
                with self.subTest(nside=nside, nested=nested):
                    stored = hp.reorder(values, r2n=True) if nested else values
                    path = make_map(self.path("m.fits"), {"T": stored}, nside, nested)
                    for membership in ("exclusive", "inclusive"):
                        columns = self.patch(path, self.sources(lon, lat), "--measure", "mean", "--patch.radius", radius, "--patch.membership", membership)
                        self.check_means(columns, values, nside, lon, lat, radius, membership == "inclusive")

    def test_many_sources_read_the_whole_map_and_few_only_a_part_of_it(self):
        nside, rng = 256, np.random.default_rng(2)
        values = rng.normal(size=12 * nside**2).astype("f4")
        path = make_map(self.path("m.fits"), {"T": values}, nside)
        for n in (3, 5000):
            lon, lat = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
            columns = self.patch(path, self.sources(lon, lat), "--measure", "mean", "--patch.radius", 40)
            self.check_means(columns, values, nside, lon[:200], lat[:200], 40)

    def test_positions_are_turned_to_the_frame_of_the_map(self):
        lon, lat = awkward_positions(40, 6)
        nside, names = 128, {"G": ("glon", "glat"), "C": ("ra", "dec"), "E": ("elon", "elat")}
        values = np.random.default_rng(3).normal(size=12 * nside**2).astype("f4")
        for of_map in "GCE":
            path = make_map(self.path("m.fits"), {"T": values}, nside, coord=of_map)
            for of_source, columns in names.items():
                with self.subTest(of_map=of_map, of_source=of_source):
                    columns = self.patch(path, self.sources(lon, lat, columns), "--measure", "mean", "--patch.radius", 61.3)
                    self.check_means(columns, values, nside, lon, lat, 61.3, frames=(of_source, of_map))

    def test_statistics_are_those_of_numpy(self):
        lon, lat = awkward_positions(40, 7)
        nside, radius = 64, 150.0
        values = np.random.default_rng(4).normal(size=12 * nside**2).astype("f4")
        values[::7] = UNSEEN
        values[3::11] = np.nan
        columns = self.patch(make_map(self.path("m.fits"), {"T": values}, nside), self.sources(lon, lat), "--measure", "disc", "--patch.radius", radius)
        self.check_means(columns, values, nside, lon, lat, radius)
        for i in range(len(lon)):
            inside = values[healpy_disc(nside, lon[i], lat[i], radius)].astype("f8")
            missing = np.isnan(inside) | (inside < -1e29)
            good = inside[~missing]
            self.assertEqual(columns["n_missing"][i], missing.sum())
            self.assertAlmostEqual(columns["coverage"][i], 1 - missing.mean(), places=14)
            for name, expected in (("median", np.median(good)), ("rms", good.std()), ("min", good.min()), ("max", good.max()), ("sum", good.sum())):
                self.assertAlmostEqual(columns[name][i], expected, places=12)

    def test_parts_of_pixels_are_counted_by_their_sixteen_sub_pixels(self):
        lon, lat = awkward_positions(30, 8)
        nside, radius = 64, 130.0
        values = np.random.default_rng(5).normal(size=12 * nside**2).astype("f4")
        columns = self.patch(make_map(self.path("m.fits"), {"T": values}, nside), self.sources(lon, lat), "--measure", "disc", "--patch.radius", radius,
                             "--patch.membership", "fractional")
        for i in range(len(lon)):
            vector = hp.ang2vec(np.radians(90 - lat[i]), np.radians(lon[i]))
            parents = hp.nest2ring(nside, hp.query_disc(4 * nside, vector, np.radians(radius / 60), nest=True) // 16)
            pixels, counts = np.unique(parents, return_counts=True)
            self.assertEqual(columns["n_pix"][i], len(pixels))
            self.assertAlmostEqual(columns["mean"][i], np.average(values[pixels].astype("f8"), weights=counts), places=12)


class Files(Patch):
    """Every form that a map can have gives the same means."""

    def setUp(self):
        super().setUp()
        self.nside, self.radius = 64, 140.0
        self.values = np.random.default_rng(9).normal(size=12 * self.nside**2).astype("f4")
        self.values[100:2000:3] = UNSEEN
        self.lon, self.lat = awkward_positions(30, 10)

    def check(self, path, *words, values=None):
        columns = self.patch(path, self.sources(self.lon, self.lat), "--measure", "mean", "--patch.radius", self.radius, *words)
        self.check_means(columns, self.values if values is None else values, self.nside, self.lon, self.lat, self.radius)

    def test_one_pixel_a_row_or_1024(self):
        for repeat in (1, 4, 1024):
            self.check(make_map(self.path("m.fits"), {"T": self.values}, self.nside, repeat=repeat))

    def test_files_of_healpy(self):
        for nested in (False, True):
            for idl in (False, True):
                stored = hp.reorder(self.values, r2n=True) if nested else self.values
                hp.write_map(self.path("h.fits"), stored, nest=nested, fits_IDL=idl, coord="G", dtype="f4", overwrite=True)
                self.check(self.path("h.fits"))

    def test_partial_files_of_healpy(self):
        hp.write_map(self.path("h.fits"), self.values, partial=True, coord="G", dtype="f4", overwrite=True)
        self.check(self.path("h.fits"))

    def test_double_precision(self):
        doubles = self.values.astype("f8") * (1 + 1e-9)
        self.check(make_map(self.path("m.fits"), {"T": doubles}, self.nside, forms={"T": "D"}), values=doubles)

    def test_several_columns_are_told_apart_by_name(self):
        hits = np.arange(len(self.values), dtype="i4")
        other = np.where(self.values < -1e29, self.values, -self.values).astype("f4")
        path = make_map(self.path("m.fits"), {"HITS": hits, "I_STOKES": self.values, "Q_STOKES": other}, self.nside, repeat=1, forms={"HITS": "J"})
        self.check(path)
        self.check(path, "--map.intensity", "q_stokes", values=other)
        self.check(path, "--map.intensity", "HITS", values=hits.astype("f8"))

    def test_scaled_integers_with_null(self):
        stored = np.random.default_rng(11).integers(-30000, 30000, len(self.values)).astype("i2")
        stored[::5] = -32768
        path = self.path("m.fits")
        make_map(path, {"T": stored}, self.nside, forms={"T": "I"})
        with fits.open(path, mode="update") as hdus:
            hdus[1].header.update(TSCAL1=0.25, TZERO1=-3.0, TNULL1=-32768)
        with fits.open(path, do_not_scale_image_data=True) as hdus:
            self.assertEqual(hdus[1].header["TSCAL1"], 0.25)
        self.check(path, values=np.where(stored == -32768, np.nan, stored * 0.25 - 3.0))

    def test_partial_maps_of_listed_pixels_and_of_a_range(self):
        for nested in (False, True):
            full = hp.reorder(self.values, r2n=True) if nested else self.values
            listed = np.random.default_rng(12).permutation(len(full))[:30000]
            partial = np.full(len(full), np.nan)
            partial[listed] = full[listed]
            path = make_map(self.path("m.fits"), {"T": full[listed]}, self.nside, nested, pixels=listed)
            self.check(path, values=hp.reorder(partial, n2r=True) if nested else partial)
            partial = np.full(len(full), np.nan)
            partial[5000:41000] = full[5000:41000]
            path = make_map(self.path("m.fits"), {"T": full[5000:41000]}, self.nside, nested, first=5000, repeat=8)
            self.check(path, values=hp.reorder(partial, n2r=True) if nested else partial)

    def test_a_mask_in_either_numbering_takes_pixels_away(self):
        mask = (np.random.default_rng(13).uniform(size=len(self.values)) > 0.3).astype("f4")
        masked = np.where(mask > 0, self.values, np.nan)
        for nested in (False, True):
            path = make_map(self.path("k.fits"), {"MASK": hp.reorder(mask, r2n=True) if nested else mask}, self.nside, nested)
            self.check(make_map(self.path("m.fits"), {"T": self.values}, self.nside), "--masks", path, values=masked)

    def test_maps_of_several_resolutions_are_measured_together(self):
        fine = np.random.default_rng(14).normal(size=12 * 128**2).astype("f4")
        maps = make_map(self.path("a.fits"), {"T": self.values}, self.nside) + "," + make_map(self.path("b.fits"), {"T": fine}, 128, coord="C")
        columns = self.patch(maps, self.sources(self.lon, self.lat), "--measure", "mean", "--patch.radius", self.radius, "--map.mixed_nside")
        self.check_means(columns, self.values, self.nside, self.lon, self.lat, self.radius, suffix="_1")
        self.check_means(columns, fine, 128, self.lon, self.lat, self.radius, frames=("G", "C"), suffix="_2")


class MapCommands(Patch):
    def test_info_tells_what_healpy_reads(self):
        import json
        values = np.random.default_rng(15).normal(size=12 * 32**2).astype("f4")
        values[:100] = UNSEEN
        path = make_map(self.path("m.fits"), {"T": values}, 32, nested=True, coord="E", units={"T": "K_CMB"})
        info = json.loads(self.skyfold("map", "info", path, "--json").out)
        self.assertEqual((info["nside"], info["ordering"], info["frame"], info["full"]), (32, "NESTED", "E", True))
        self.assertEqual((info["columns"][0]["name"], info["columns"][0]["unit"]), ("T", "K_CMB"))
        self.assertAlmostEqual(info["columns"][0]["coverage"], 1 - 100 / len(values))
        self.assertAlmostEqual(info["columns"][0]["min"], values[100:].min(), places=6)

    def test_reordering_is_that_of_healpy_both_ways(self):
        values = np.random.default_rng(16).normal(size=12 * 64**2).astype("f4")
        path = make_map(self.path("m.fits"), {"I": values, "Q_STOKES": values + 1, "U_STOKES": values + 2}, 64)
        self.skyfold("map", "reorder", path, "--output", self.path("n.fits"))
        for k in range(3):
            np.testing.assert_array_equal(hp.read_map(self.path("n.fits"), field=k, nest=True, dtype=np.float32), hp.reorder(values + np.float32(k), r2n=True))
        self.skyfold("map", "reorder", self.path("n.fits"), "--to", "RING", "--output", self.path("r.fits"))
        np.testing.assert_array_equal(hp.read_map(self.path("r.fits"), dtype=np.float32), values)

    def test_change_of_resolution_is_that_of_healpy(self):
        values = np.random.default_rng(17).normal(size=12 * 64**2)
        values[np.random.default_rng(18).permutation(len(values))[:20000]] = UNSEEN
        for nested in (False, True):
            path = make_map(self.path("m.fits"), {"I": hp.reorder(values, r2n=True) if nested else values}, 64, nested, forms={"I": "D"})
            for nside in (16, 256):
                self.skyfold("map", "ud-grade", path, "--nside", nside, "--output", self.path("u.fits"))
                expected = hp.ud_grade(values, nside)
                np.testing.assert_allclose(hp.read_map(self.path("u.fits"), dtype=np.float64), expected, rtol=1e-12)


class RealData(Patch):
    """The PCCS2 catalogue at 30 GHz on WMAP's maps."""

    def test_the_catalogue_and_the_maps_run_through_the_whole_command(self):
        catalogue = shared("planck/COM_PCCS_030_R2.04.fits")
        bands = [shared(f"planck/wmap_band_iqumap_r9_7yr_{band}_v4_udgraded32.fits") for band in "VW"]
        mask = shared("planck/wmap_temperature_analysis_mask_r9_7yr_v4_udgraded32.fits")
        columns = self.patch(",".join(bands), catalogue, "--masks", mask, "--map.frame", "G", "--map.unit", "mK", "--measure", "disc", "--patch.radius",
                             220, "--channel.name", "V,W", "--text", self.path("o.tsv"), "--fits", self.path("o.fits"))
        with fits.open(catalogue) as hdus:
            table = hdus[1].data
            for name in hdus[1].columns.names:  # carried through
                if hdus[1].columns[name].format[-1] in "DE":
                    np.testing.assert_array_equal(columns[name], table[name])
            lon, lat = table["GLON"], table["GLAT"]
            names = [str(name).strip() for name in table["NAME"]]
        allowed = hp.read_map(mask, dtype=np.float32)
        for band, path in zip("VW", bands):
            values = np.where(allowed > 0, hp.read_map(path, dtype=np.float32), np.nan)
            self.check_means(columns, values, 32, lon, lat, 220, suffix="_" + band)
        lines = pathlib.Path(self.path("o.tsv")).read_text().splitlines()
        self.assertEqual(len(lines), 2 * len(names))
        for i, line in enumerate(lines[:len(names)]):
            self.assertEqual(line, f"{names[i]}_V_220arcminmean\t{columns['mean_V'][i]:.5e}")
        with fits.open(self.path("o.fits")) as hdus:
            self.assertEqual(len(hdus[1].data), len(names))

    def test_the_lines_have_the_form_of_the_original(self):
        import re
        original = pathlib.Path(shared("planck/zonca_10arcminmean_030_070.tsv")).read_text().splitlines()
        form = re.compile(r"^PCCS1 0[37]0 G\d{3}\.\d\d[+-]\d\d\.\d\d_10arcminmean\t-?\d\.\d{5}e[+-]\d\d$")
        self.assertTrue(all(form.match(line) for line in original))
        catalogue = fits.getdata(shared("planck/COM_PCCS_030_R2.04.fits"))
        path = make_map(self.path("m.fits"), {"T": np.random.default_rng(19).normal(size=12 * 512**2).astype("f4")}, 512)
        names = np.array([f"PCCS1 {str(name)[6:].strip()}" for name in catalogue["NAME"]], dtype="S30")
        sources = make_fits(self.path("s.fits"), {"NAME": names, "GLON": catalogue["GLON"], "GLAT": catalogue["GLAT"]})
        self.patch(path, sources, "--measure", "mean", "--text", self.path("o.tsv"))
        lines = pathlib.Path(self.path("o.tsv")).read_text().splitlines()
        self.assertEqual([line.split("_")[0] for line in lines], [name.decode() for name in names])
        self.assertTrue(all(form.match(line) for line in lines))

    def test_two_catalogues_on_their_maps_give_the_published_file_of_means_in_form(self):
        # Its keys have the positions of the sources, to 0.01 degrees; the maps are not here, so the numbers are judged by healpy on others.
        published = [line.split("\t") for line in pathlib.Path(shared("planck/zonca_10arcminmean_030_070.tsv")).read_text().splitlines()]
        keys = [key for key, _ in published]
        self.assertEqual((len(keys), keys), (2195, sorted(keys)))
        rng, pairs, expected = np.random.default_rng(23), [], {}
        for channel, nside in (("030", 512), ("070", 1024)):
            names = [key.split("_")[0] for key in keys if key.startswith(f"PCCS1 {channel}")]
            lon, lat = (np.array([float(name[11:][a:b]) for name in names]) for a, b in ((0, 6), (6, 12)))
            values = rng.normal(1e-3, 1e-3, size=12 * nside**2).astype("f4")
            order = rng.permutation(len(names))
            catalogue = make_fits(self.path(f"f{channel}.fits"), {"NAME": np.array(names)[order], "GLON": lon[order], "GLAT": lat[order]})
            pairs.append(f"{catalogue}={make_map(self.path(f'm{channel}.fits'), {'I_STOKES': values}, nside, FREQ=channel)}")
            for name, x, y in zip(names, lon, lat):
                expected[f"{name}_10arcminmean"] = mean_in_order(values[healpy_disc(nside, x, y, 10)].astype("f8"))
        self.skyfold("patch", "--sources", ",".join(pairs), "--output", self.path("o.h5"), "--text", self.path("o.tsv"), "--measure", "mean",
                     "--channel.name", "030,070", "--map.mixed_nside")
        lines = pathlib.Path(self.path("o.tsv")).read_text().splitlines()
        self.assertEqual([line.split("\t")[0] for line in lines], keys)
        self.assertEqual(lines, [f"{key}\t{expected[key]:.5e}" for key in keys])


class Polarisation(Patch):
    def test_angles_are_right_where_meridians_converge(self):
        """A source near the pole whose polarisation is carried along great circles, in Cartesian vectors."""
        nside, fwhm = 256, 60.0
        lon, lat, angle = np.array([30.0, 200.0, 100.0]), np.array([88.0, -87.0, 40.0]), np.radians([25.0, -60.0, 80.0])
        vectors = np.array(hp.pix2vec(nside, np.arange(12 * nside**2))).T
        q, u, t = np.zeros((3, len(vectors)))

        def basis(v):
            east = np.cross([0, 0, 1.0], v)
            east /= np.linalg.norm(east, axis=-1, keepdims=True)
            return east, np.cross(v, east)

        east, north = basis(vectors)
        for i in range(len(lon)):
            c = hp.ang2vec(np.radians(90 - lat[i]), np.radians(lon[i]))
            at_east, at_north = basis(c)
            direction = np.cos(angle[i]) * at_north + np.sin(angle[i]) * at_east
            cosine = vectors @ c
            near = cosine > np.cos(np.radians(4))
            beam = np.where(near, np.exp(-4 * np.log(2) * (np.degrees(np.arccos(np.clip(cosine, -1, 1))) * 60 / fwhm) ** 2), 0)
            carried = direction - ((vectors @ direction) / (1 + cosine))[:, None] * (vectors + c)  # parallel transport along the great circle
            chi = np.arctan2(np.sum(carried * east, axis=1), np.sum(carried * north, axis=1))
            t += beam
            q += 0.5 * beam * np.cos(2 * chi)
            u += 0.5 * beam * np.sin(2 * chi)  # IAU
        for convention, sign in (("IAU", 1), ("COSMO", -1)):
            path = make_map(self.path("m.fits"), {"I_STOKES": t, "Q_STOKES": q, "U_STOKES": sign * u}, nside, POLCCONV=convention)
            columns = self.patch(path, self.sources(lon, lat), "--measure", "psf", "polarisation", "--channel.fwhm", fwhm, "--channel.frequency", 100,
                                 "--map.unit", "K_CMB")
            np.testing.assert_allclose(columns["pol_angle"], np.degrees(angle), atol=0.01)
            np.testing.assert_allclose(columns["pol_flux"] / columns["psf_flux"], 0.5, rtol=1e-3)


if __name__ == "__main__":
    support.main()
