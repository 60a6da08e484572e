"""What import makes of tables written by astropy and h5py, read back by h5py, astropy and numpy."""
import pathlib
import sys
import zlib

import h5py
import healpy
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

sys.path.insert(0, str(support.SOURCE / "python"))
import skyfold

ROWS = 3000
MISSING = -9999


def healpix29(ra, dec):
    return healpy.ang2pix(2**29, np.radians(90.0 - dec), np.radians(np.mod(ra, 360.0)), nest=True)


def make_columns():
    """Every type, missing values, the poles, RA = 0 and 360, negative RA, objects at one place."""
    random = np.random.default_rng(12)
    ra, dec = random.uniform(0, 360, ROWS), np.degrees(np.arcsin(random.uniform(-1, 1, ROWS)))
    ra[:8], dec[:8] = [0, 360, -90, 45, 45, 180, 12.5, -0.0], [0, 0, 10, 90, -90, 41.81, -41.81, -0.0]
    ra[100:200], dec[100:200] = ra[100], dec[100]
    mag = random.normal(22, 2, ROWS).astype("f4")
    mag[random.random(ROWS) < 0.1] = np.nan
    counts = random.integers(-50, 1000, ROWS).astype("i4")
    counts[random.random(ROWS) < 0.1] = MISSING
    return {"id": random.permutation(ROWS) * 10**12 - 7, "ra": ra, "dec": dec, "mag": mag, "flux": random.normal(size=ROWS), "counts": counts,
            "quality": random.integers(0, 255, ROWS).astype("u1"), "vector": random.normal(size=(ROWS, 3)).astype("f4"),
            "name": np.array([f"SRC {i} é".encode() if i % 5 == 0 else f"S{i}".encode() for i in range(ROWS)])}


UNITS = {"ra": "deg", "dec": "deg", "mag": "mag", "flux": "nJy", "vector": "km/s"}


class Import(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.columns = make_columns()
        cls.key = healpix29(cls.columns["ra"], cls.columns["dec"])
        cls.order = np.argsort(cls.key, kind="stable")

    def assert_columns(self, path, names=None, types=True):
        ours = support.read_group(path)
        self.assertEqual(set(ours), set(names or self.columns) | {"_healpix_29"})
        for name in names or self.columns:
            expected = self.columns[name][self.order]
            if types:
                self.assertEqual(ours[name].dtype.kind, expected.dtype.kind, name)
                if expected.dtype.kind != "S":
                    self.assertEqual(ours[name].dtype.str, expected.dtype.newbyteorder("<").str, name)
            np.testing.assert_array_equal(ours[name], expected, name)
        np.testing.assert_array_equal(ours["_healpix_29"], self.key[self.order])
        self.assertEqual(ours["_healpix_29"].dtype, np.dtype("<i8"))

    def test_fits(self):
        columns = {name: values for name, values in self.columns.items() if name != "name"}
        columns["name"] = np.char.decode(self.columns["name"], "utf-8")
        columns["name"] = np.char.encode(np.char.replace(columns["name"], "é", "e"), "ascii")
        source = support.make_fits(self.path("t.fits"), columns, units=UNITS, nulls={"counts": MISSING})
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        ours = support.read_group(self.path("c.h5"))
        for name in columns:
            np.testing.assert_array_equal(ours[name], columns[name][self.order], name)
        with h5py.File(self.path("c.h5"), "r") as file:
            for name, unit in UNITS.items():
                self.assertEqual(file["object"][name].attrs["unit"], unit)
            self.assertEqual(file["object/counts"].attrs["null"], str(MISSING))

    def test_hdf5(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns, units=UNITS)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        self.assert_columns(self.path("c.h5"))
        with h5py.File(self.path("c.h5"), "r") as file:
            self.assertEqual(file["object/flux"].attrs["unit"], "nJy")

    def test_hdf5_compound_and_chunked(self):
        names = [name for name in self.columns if name != "vector"]
        table = np.rec.fromarrays([self.columns[name] for name in names], names=names)
        with h5py.File(self.path("t.hdf5"), "w") as file:
            file.create_dataset("sources", data=table, chunks=(100,), compression="gzip", shuffle=True)
        self.skyfold("import", "--input", self.path("t.hdf5"), "--output", self.path("c.h5"))
        self.assert_columns(self.path("c.h5"), names)

    def test_csv(self):
        columns = {name: self.columns[name] for name in ("id", "ra", "dec", "flux", "name")}
        columns["mag"] = self.columns["mag"].astype("f8")
        source = support.make_csv(self.path("t.csv"), columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        ours = support.read_group(self.path("c.h5"))
        for name, values in columns.items():
            np.testing.assert_array_equal(ours[name], values[self.order], name)

    def test_names_with_slashes_play_their_roles(self):
        names = {"id": "obj/id", "ra": "pos/ra", "dec": "pos/dec"}
        columns = {new: self.columns[name] for name, new in names.items()}
        self.skyfold("import", "--input", support.make_fits(self.path("t.fits"), columns), "--output", self.path("c.h5"),
                     *(word for name, new in names.items() for word in (f"--columns.{name}", new)))
        ours = support.read_group(self.path("c.h5"))
        for name, new in names.items():
            np.testing.assert_array_equal(ours[new.replace("/", "_")], self.columns[name][self.order])

    def test_big_endian_hdf5_and_unsorted_names_give_the_same_fingerprint(self):
        support.make_hdf5(self.path("a.hdf5"), self.columns)
        support.make_hdf5(self.path("b.hdf5"), {name: values.astype(values.dtype.newbyteorder(">")) if values.dtype.kind != "S" else values
                                                for name, values in reversed(self.columns.items())})
        prints = []
        for name in "ab":
            self.skyfold("import", "--input", self.path(f"{name}.hdf5"), "--output", self.path(f"{name}.h5"))
            with h5py.File(self.path(f"{name}.h5"), "r") as file:
                prints.append(file.attrs["fingerprint"])
        self.assertEqual(prints[0], prints[1])

    def test_index_of_pixels(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        pixels = self.key[self.order] >> 2 * (29 - 5)
        index = support.read_group(self.path("c.h5"), "/index/order5")["first_row"]
        np.testing.assert_array_equal(index, np.searchsorted(pixels, np.arange(12 * 32**2 + 1)))

    def test_statistics_of_zones(self):
        rows = 70_000  # two zones
        random = np.random.default_rng(5)
        columns = {"ra": random.uniform(0, 360, rows), "dec": random.uniform(-90, 90, rows), "mag": random.normal(22, 1, rows).astype("f4"),
                   "gone": np.full(rows, np.nan), "counts": random.integers(-5, 5, rows).astype("i4"), "big": random.integers(0, 2**62, rows)}
        columns["mag"][random.random(rows) < 0.2] = np.nan
        columns["mag"][7], columns["mag"][8] = np.inf, -np.inf
        source = support.make_fits(self.path("t.fits"), columns, nulls={"counts": 3})
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"), ranks=2)
        ours = support.read_group(self.path("c.h5"))
        for name, values in ours.items():
            zones = support.read_group(self.path("c.h5"), f"/index/zones/{name}")
            for i, begin in enumerate(range(0, rows, 65536)):
                zone = values[begin:begin + 65536]
                missing = np.isnan(zone) if zone.dtype.kind == "f" else (zone == 3 if name == "counts" else np.zeros(len(zone), bool))
                self.assertEqual(zones["missing"][i], missing.sum(), name)
                left = zone[~missing] if zone.dtype == np.int64 else zone[~missing].astype("f8")
                self.assertEqual(zones["min"].dtype, left.dtype)
                np.testing.assert_array_equal([zones["min"][i], zones["max"][i]], [left.min(), left.max()] if len(left) else [np.nan, np.nan], name)

    def test_tiles(self):
        columns = dict(self.columns, tile=np.array([f"T{i % 7:02}".encode() for i in range(ROWS)]))
        columns["ra"], columns["dec"] = np.mod(358.0 + np.arange(ROWS) * 4.0 / ROWS, 360), np.linspace(-1, 1, ROWS)  # a tile across RA = 0
        source = support.make_hdf5(self.path("t.hdf5"), columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"), "--ordering", "tile")
        ours, index = support.read_group(self.path("c.h5")), support.read_group(self.path("c.h5"), "/index/tile")
        names, counts = np.unique(columns["tile"], return_counts=True)
        np.testing.assert_array_equal(index["name"], names)
        np.testing.assert_array_equal(index["first_row"], np.concatenate([[0], np.cumsum(counts)[:-1]]))
        np.testing.assert_array_equal(ours["tile"], np.sort(columns["tile"]))
        for i, name in enumerate(names):
            inside = columns["tile"] == name
            unwrapped = np.mod(columns["ra"][inside] + 180, 360) - 180
            self.assertAlmostEqual(np.mod(index["ra"][i] + 180, 360) - 180, unwrapped.mean(), delta=0.01)
            np.testing.assert_allclose([index["dec_min"][i], index["dec_max"][i]], [columns["dec"][inside].min(), columns["dec"][inside].max()])
            np.testing.assert_allclose([index["ra_min"][i] - index["ra"][i], index["ra_max"][i] - index["ra"][i]],
                                       np.array([unwrapped.min(), unwrapped.max()]) - (np.mod(index["ra"][i] + 180, 360) - 180), atol=1e-9)

    def test_attribute_ordering_puts_missing_values_last(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"), "--ordering", "attribute", "--ordering.column", "mag", ranks=2)
        order = np.argsort(self.columns["mag"], kind="stable")  # numpy puts NaN last
        ours = support.read_group(self.path("c.h5"))
        np.testing.assert_array_equal(ours["mag"], self.columns["mag"][order])
        np.testing.assert_array_equal(ours["id"], self.columns["id"][order])

    def test_no_ordering_keeps_the_rows_as_they_are(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"), "--ordering", "none", "--memory", 64, ranks=3)
        np.testing.assert_array_equal(support.read_group(self.path("c.h5"))["id"], self.columns["id"])

    def test_a_catalogue_is_an_input(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns, units=UNITS)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        self.skyfold("import", "--input", self.path("c.h5"), "--output", self.path("d.h5"))
        self.assert_columns(self.path("d.h5"))
        with h5py.File(self.path("c.h5"), "r") as first, h5py.File(self.path("d.h5"), "r") as second:
            self.assertEqual(first.attrs["fingerprint"], second.attrs["fingerprint"])
            self.assertEqual(second["object/flux"].attrs["unit"], "nJy")

    def test_python_reader(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns, units=UNITS)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        table = skyfold.read_catalogue(self.path("c.h5"))
        for name, values in self.columns.items():
            np.testing.assert_array_equal(np.asarray(table[name]), values[self.order], name)
            self.assertEqual(str(table[name].unit or ""), {"km/s": "km / s"}.get(UNITS.get(name, ""), UNITS.get(name, "")))
        self.assertEqual(table["_healpix_29"].description, "nested HEALPix index at order 29")
        self.assertEqual(table.meta["frame"], "ICRS")
        self.assertEqual(skyfold.read_catalogue(self.path("c.h5"), ["dec", "id"]).colnames, ["dec", "id"])

    def test_columns_are_plain_arrays_in_the_file(self):
        source = support.make_hdf5(self.path("t.hdf5"), self.columns)
        self.skyfold("import", "--input", source, "--output", self.path("c.h5"))
        with h5py.File(self.path("c.h5"), "r") as file:
            places = {name: (data.id.get_offset(), data.dtype, data.shape) for name, data in file["object"].items()}
        for name in self.columns:
            offset, dtype, shape = places[name]
            values = np.memmap(self.path("c.h5"), dtype, "r", offset, shape)
            np.testing.assert_array_equal(values, self.columns[name][self.order], name)


class RealTables(support.SkyfoldTest):
    """Files as people publish them."""

    SKY = "catalogue/hats_small_sky/"

    def test_small_sky(self):
        for path in support.sample_and_shared("stars.csv", self.SKY + "small_sky.csv"):
            with self.subTest(path):
                source = np.genfromtxt(path, delimiter=",", names=True)
                self.skyfold("import", "--input", path, "--output", self.path("c.h5"))
                ours = support.read_group(self.path("c.h5"))
                key = healpix29(source["ra"], source["dec"])
                order = np.argsort(key, kind="stable")
                for name in source.dtype.names:
                    np.testing.assert_array_equal(ours[name], source[name][order])
                np.testing.assert_array_equal(ours["_healpix_29"], key[order])

    def test_samples_in_parts_on_ranks(self):
        """What test_small_sky_in_parts shows of published files."""
        lines = pathlib.Path(support.sample("stars.csv")).read_text().splitlines(keepends=True)
        cuts = [1, 700, 701, 2500, len(lines)]
        for i, (begin, end) in enumerate(zip(cuts, cuts[1:])):
            pathlib.Path(self.path(f"part{i}.csv")).write_text("".join([lines[0], *lines[begin:end]]))
        self.skyfold("import", "--input", support.sample("stars.csv"), "--output", self.path("whole.h5"))
        self.skyfold("import", "--input", *(self.path(f"part{i}.csv") for i in range(4)), "--output", self.path("parts.h5"), ranks=2)
        whole, ours = support.read_group(self.path("whole.h5")), support.read_group(self.path("parts.h5"))
        for name in whole:
            np.testing.assert_array_equal(ours[name], whole[name], name)

    def test_small_sky_in_parts(self):
        parts = [support.shared(f"{self.SKY}small_sky_parts/catalog_0{i}_of_05.csv") for i in range(5)]
        self.skyfold("import", "--input", support.shared(self.SKY + "small_sky.csv"), "--output", self.path("whole.h5"))
        self.skyfold("import", "--input", *parts, "--output", self.path("parts.h5"), ranks=2)
        whole, ours = support.read_group(self.path("whole.h5")), support.read_group(self.path("parts.h5"))
        for name in whole:  # the parts hold the rows in another order, which decides among objects at one place
            np.testing.assert_array_equal(np.sort(ours[name]), np.sort(whole[name]), name)

    def test_small_sky_sources(self):
        path = support.shared(self.SKY + "small_sky_source.csv")
        self.skyfold("import", "--input", path, "--output", self.path("c.h5"), "--columns.ra", "source_ra", "--columns.dec", "source_dec",
                     "--columns.id", "source_id")
        ours = support.read_group(self.path("c.h5"))
        source = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
        self.assertEqual(len(ours["source_id"]), 17161)
        order = np.argsort(healpix29(source["source_ra"], source["source_dec"]), kind="stable")
        for name in source.dtype.names:
            expected = source[name][order]
            values = ours[name] if expected.dtype.kind != "U" else np.char.decode(ours[name], "utf-8")
            np.testing.assert_array_equal(values, expected, name)

    def test_fits_form_of_small_sky(self):
        self.skyfold("import", "--input", support.shared(self.SKY + "test_formats/small_sky.fits"), "--output", self.path("fits.h5"))
        self.skyfold("import", "--input", support.shared(self.SKY + "small_sky.csv"), "--output", self.path("csv.h5"))
        fits, csv = support.read_group(self.path("fits.h5")), support.read_group(self.path("csv.h5"))
        np.testing.assert_array_equal(fits["_healpix_29"], csv["_healpix_29"])
        np.testing.assert_array_equal(fits["id"], csv["id"])

    def test_pixels_published_with_a_catalogue(self):
        """The file says itself in which order-13 pixel an object lies."""
        self.skyfold("import", "--input", support.shared(self.SKY + "test_formats/small_sky_healpix13.csv"), "--output", self.path("c.h5"))
        ours = support.read_group(self.path("c.h5"))
        np.testing.assert_array_equal(ours["_healpix_29"] >> 32, ours["healpix13"])

    def test_planck_sources(self):
        path = support.shared("planck/COM_PCCS_030_R2.04.fits")
        self.skyfold("import", "--input", path, "--output", self.path("c.h5"), "--columns.ra", "RA", "--columns.dec", "DEC", "--columns.id", "NAME")
        self.assertEqual(len(support.read_group(self.path("c.h5"))["RA"]), 1560)


class PackedChunks(support.SkyfoldTest):
    def test_that_unpack_short_are_refused(self):
        """The HDF5 library reads what memory holds behind such a chunk; h5py shows it."""
        values = np.random.default_rng(1).uniform(10, 20, 1000)
        for name, options in (("deflate", {}), ("shuffle", {"shuffle": True}), ("checksum", {"fletcher32": True}), ("two", {"shuffle": True})):
            for short in (0, 1, 150) if name != "checksum" else (0,):
                with self.subTest(name=name, short=short):
                    path = self.path(f"{name}{short}.hdf5")
                    with h5py.File(path, "w") as file:
                        shape = (500, 2) if name == "two" else (1000,)
                        file["t/ra"] = values[:shape[0]]
                        file["t/dec"] = values[:shape[0]]
                        mag = file.create_dataset("t/mag", shape, "f8", chunks=(250,) + shape[1:], compression="gzip", **options)
                        mag[...] = values.reshape(shape)
                        filters, raw = mag.id.read_direct_chunk((250,) + (0,) * (len(shape) - 1))
                        sums = raw[-4:] if name == "checksum" else b""
                        unpacked = zlib.decompress(raw[:len(raw) - len(sums)])
                        stored = zlib.compress(unpacked[:len(unpacked) - 8 * short])
                        if name != "checksum":  # of which the library looks at the sum
                            mag.id.write_direct_chunk((250,) + (0,) * (len(shape) - 1), stored, filters)
                    result = self.run_skyfold("import", "--input", path, "--output", self.path("c.h5"), "--fresh")
                    if short == 0:
                        self.assertEqual(result.code, 0, result)
                        found = support.read_group(self.path("c.h5"))["mag"]
                        self.assertEqual(sorted(found.ravel()), sorted(values))
                    else:
                        self.assertEqual(result.code, 4, result)
                        self.assertRegex(result.errors()[0], rf"{name}{short}.hdf5: rows \d+ to \d+ of .*mag cannot be read \(truncated or damaged")


if __name__ == "__main__":
    support.main()
