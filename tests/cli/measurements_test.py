"""import --measurements: measurements joined to the objects of a catalogue by id and by position. Which object each has, and where it
stands, is decided by numpy; files are read with h5py and astropy."""
import os
import pathlib
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

OBJECTS, MEASUREMENTS, FILES = 1500, 24_000, 3
FILTERS = np.array([b"F275W", b"F336W", b"F475W", b"F814W", b"F110W", b"F160W"])


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(ra) * np.cos(dec), np.sin(ra) * np.cos(dec), np.sin(dec)], axis=-1)


class Measurements(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(8)
        # A field across RA = 0, one at the pole, and one that is crowded.
        ra = np.concatenate([rng.uniform(-0.3, 0.3, 500) % 360, rng.uniform(0, 360, 500), 10 + rng.uniform(0, 0.002, 500)])
        dec = np.concatenate([rng.uniform(-1, 1, 500), 90 - rng.uniform(0, 0.01, 500), 41 + rng.uniform(0, 0.002, 500)])
        cls.id = rng.permutation(OBJECTS) * 7 + 2**53 + 1  # doubles cannot hold them
        cls.table = str(cls.base / "objects.fits")
        fits.BinTableHDU.from_columns([fits.Column("id", "K", array=cls.id), fits.Column("ra", "D", array=ra), fits.Column("dec", "D", array=dec),
                                       fits.Column("name", "12A", array=[f"star {i:06d}" for i in cls.id - 2**53])]).writeto(cls.table)
        cls.objects = str(cls.base / "objects.h5")
        cls.skyfold("import", "--input", cls.table, "--output", cls.objects, "--threads", 1)
        cls.rows = support.read_group(cls.objects)
        of = rng.integers(0, OBJECTS, MEASUREMENTS)
        of[of % 5 == 0] = 3  # some have none, one has thousands
        off = rng.normal(0, 0.15 / 3600, (2, MEASUREMENTS))
        cls.columns = {
            "objid": cls.id[of], "expnum": np.arange(MEASUREMENTS, dtype=np.int32), "ra": (ra[of] + off[0] / np.cos(np.radians(dec[of]))) % 360,
            "dec": np.minimum(dec[of] + off[1], 90.0), "filter": FILTERS[rng.integers(0, 6, MEASUREMENTS)],
            "mjd": np.round(rng.uniform(55_000, 57_000, MEASUREMENTS), 1), "mag": rng.uniform(18, 27, MEASUREMENTS).astype(np.float32),
            "image": np.array([f"image_{i % 300:05d}.fits" for i in rng.integers(0, 10**6, MEASUREMENTS)], dtype="S16"),
            "name": np.array([f"star {i:06d}" for i in cls.id[of] - 2**53], dtype="S12")}
        orphans = rng.choice(MEASUREMENTS, 400, replace=False)
        cls.columns["objid"][orphans] += 1
        cls.columns["dec"][orphans] -= np.where(cls.columns["dec"][orphans] > -89, 1.0, 0.0)
        cls.columns["mag"][::1000] = np.nan
        cls.files = []
        for k in range(FILES):
            some = slice(k * MEASUREMENTS // FILES, (k + 1) * MEASUREMENTS // FILES)
            cls.files.append(support.make_hdf5(str(cls.base / f"meas{k}.h5"), {name: values[some] for name, values in cls.columns.items()}))

    def measure(self, output, *words, run=None, files=None, **options):
        return (run or self.skyfold)("import", "--measurements", *(files or self.files), "--objects", self.objects, "--output", output,
                                     *map(str, words), **options)

    def joined_by_id(self):
        """Row of the object of each measurement, -1 for none."""
        row = {identity: k for k, identity in enumerate(self.rows["id"])}
        return np.array([row.get(identity, -1) for identity in self.columns["objid"]])

    def joined_by_position(self, radius):
        chords = np.empty((MEASUREMENTS, 2))
        objects = unit(self.rows["ra"], self.rows["dec"])
        for begin in range(0, MEASUREMENTS, 2000):
            some = slice(begin, begin + 2000)
            distance = np.linalg.norm(unit(self.columns["ra"][some], self.columns["dec"][some])[:, None] - objects[None], axis=2)
            nearest = distance.argmin(axis=1)
            chords[some] = np.stack([nearest, distance[np.arange(len(nearest)), nearest]], axis=1)
        limit = 2 * np.sin(np.radians(radius / 3600) / 2)
        self.assertGreater(np.abs(chords[:, 1] - limit).min(), 1e-14, "a measurement is at the radius itself")
        return np.where(chords[:, 1] <= limit, chords[:, 0].astype(int), -1)

    def assert_measured(self, path, parents):
        """All columns of all measurements stand where they must, with nothing lost."""
        with h5py.File(path) as file:
            np.testing.assert_array_equal(file["meas_offset"], file["index/meas_offset/first_row"])
            offsets = file["meas_offset"][:]
            np.testing.assert_array_equal(np.diff(offsets), np.bincount(parents[parents >= 0], minlength=OBJECTS))
            self.assertEqual(offsets[0], 0)
            # lexsort is stable: what is equal stays in the order of the inputs.
            order = np.lexsort([self.columns["mjd"], self.columns["filter"], parents])
            order = order[parents[order] >= 0]
            self.assertEqual(set(file["meas"]), set(self.columns))
            for group, rows in (("meas", order), ("meas_orphan", np.flatnonzero(parents < 0))):
                for name, values in self.columns.items():
                    found = file[group][name][:]
                    if values.dtype.kind == "S":
                        texts = file[f"index/meas_dictionary/{name}/value"][:]
                        self.assertEqual(list(texts), sorted(set(values)))
                        found = texts[found]
                    np.testing.assert_array_equal(found, values[rows], name)
            for name in self.rows:
                np.testing.assert_array_equal(file["object"][name], self.rows[name])

    def test_joined_by_id_in_the_order_of_objects_filters_and_times(self):
        parents = self.joined_by_id()
        result = self.measure(self.path("m.h5"), "--join", "id:objid")
        self.assert_measured(self.path("m.h5"), parents)
        measured = len(set(parents[parents >= 0]))
        self.assertIn(f"{(parents >= 0).sum():,} measurements of {measured:,} objects; {OBJECTS - measured:,} objects have none", result.out)
        self.assertIn("400 measurements have no object", result.out)
        keys = np.stack([parents, np.searchsorted(np.sort(FILTERS), self.columns["filter"]), self.columns["mjd"]], axis=1)[parents >= 0]
        self.assertIn(f"{len(keys) - len(np.unique(keys, axis=0)):,} measurements repeat object, filter and time", result.out)
        self.assertIn("6 filters: F110W, F160W, F275W, F336W, F475W, F814W", result.err)
        with h5py.File(self.path("m.h5")) as made, h5py.File(self.objects) as objects:
            self.assertEqual(made.attrs["fingerprint"], objects.attrs["fingerprint"])
            self.assertEqual([made.attrs[f"meas_{role}"] for role in ("filter", "time", "id", "ra", "dec")],
                             ["filter", "mjd", "objid", "ra", "dec"])
            self.assertEqual(made["meas/image"].dtype, np.int32)  # 300 texts
            self.assertEqual(made["meas/filter"].dtype, np.uint8)
            self.assertTrue(all("zone_hashes" in made["meas"][name].attrs for name in made["meas"]))
        self.assertIn(f"{(parents >= 0).sum():,} measurements of the objects, 400 without an object, filters F110W, F160W", self.skyfold("info", self.path("m.h5")).out)

    def test_joined_by_position_to_the_nearest(self):
        self.measure(self.path("m.h5"), "--join", "position:0.5")
        self.assert_measured(self.path("m.h5"), self.joined_by_position(0.5))

    def test_ranks_and_memory_give_the_same_bytes(self):
        for join in ("id:objid", "position:0.5"):
            self.measure(self.path("1.h5"), "--join", join)
            first = support.read_bytes(self.path("1.h5"))
            for ranks in (2, 3, 4):
                with self.subTest(join=join, ranks=ranks):
                    self.measure(self.path("n.h5"), "--join", join, "--fresh", "--memory", 64, "--threads", 1, ranks=ranks)
                    self.assertTrue(support.read_bytes(self.path("n.h5")) == first, "bytes differ from those of one rank")

    def test_ids_may_be_text(self):
        objects = self.path("named.h5")
        self.skyfold("import", "--input", self.table, "--columns.id", "name", "--output", objects)
        self.skyfold("import", "--measurements", *self.files, "--objects", objects, "--join", "id:name", "--output", self.path("m.h5"))
        rows = support.read_group(objects)
        row = {name.rstrip(b"\0"): k for k, name in enumerate(rows["name"])}
        parents = np.array([row[name] for name in self.columns["name"]])
        with h5py.File(self.path("m.h5")) as file:
            np.testing.assert_array_equal(np.diff(file["meas_offset"]), np.bincount(parents, minlength=OBJECTS))
            order = np.lexsort([self.columns["mjd"], self.columns["filter"], parents])
            np.testing.assert_array_equal(file["meas/expnum"], self.columns["expnum"][order])

    def test_killed_runs_go_on_and_give_the_same_bytes(self):
        self.measure(self.path("whole.h5"), "--join", "id:objid", "--threads", 1)
        words = ["import", "--measurements", *self.files, "--objects", self.objects, "--join", "id:objid", "--threads", 1, "--output", self.path("k.h5")]
        killed = 0
        for records in (3, 8, 14):
            run = subprocess.Popen([support._binary[0], *map(str, words), "--farm.fault", "sleep=0.1@*"], env=support.environment(self.base),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.base)
            journal = pathlib.Path(self.path("k.h5") + ".run") / "journal"
            # As many records more than the last attempt left.
            while run.poll() is None and (not journal.exists() or journal.stat().st_size < records * 400):
                time.sleep(0.005)
            killed += run.poll() is None
            run.send_signal(signal.SIGKILL)
            run.wait()
        self.assertGreater(killed, 1)
        self.skyfold(*words)
        self.assertTrue(support.read_bytes(self.path("k.h5")) == support.read_bytes(self.path("whole.h5")))
        self.assertFalse(os.path.exists(self.path("k.h5.run/products")) and os.listdir(self.path("k.h5.run/products")))

    def refused(self, code, message, *words, files=None):
        result = self.measure(self.path("x.h5"), *words, files=files, run=self.run_skyfold)
        self.assertEqual(result.code, code, result)
        self.assertIn(message, result.err)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertFalse(os.path.exists(self.path("x.h5")))

    def changed(self, name, row, value):
        columns = {key: values[:50].copy() for key, values in self.columns.items()}
        columns[name][row] = value
        return [support.make_csv(self.path("changed.csv"), columns)]

    def test_bad_rows_are_told_with_file_row_and_column(self):
        by_id = ("--join", "id:objid")
        self.refused(3, "changed.csv, row 8, column mjd: no time", *by_id, files=self.changed("mjd", 7, np.nan))
        self.refused(3, "changed.csv, row 3, column filter: no filter", *by_id, files=self.changed("filter", 2, b""))
        self.refused(3, "changed.csv, row 12, column filter: filter F555W is not among --filters F275W,F336W,F475W,F814W,F110W,F160W", *by_id,
                     "--filters", "F275W,F336W,F475W,F814W,F110W,F160W", files=self.changed("filter", 11, b"F555W"))
        self.refused(3, "changed.csv, row 1, column dec: 91.5 is outside -90 to 90", "--join", "position:1", files=self.changed("dec", 0, 91.5))
        files = self.changed("mjd", 7, np.nan)
        result = self.measure(self.path("d.h5"), *by_id, "--on-bad-row", "drop", files=files)
        self.assertIn("dropped 1 rows", result.out)
        self.assertIn('changed.csv",8,"mjd","no time"', pathlib.Path(self.path("d.h5.rejects.csv")).read_text())
        with h5py.File(self.path("d.h5")) as file:
            self.assertNotIn(7, file["meas/expnum"][:])

    def test_ids_that_lost_digits_when_they_were_printed_are_refused(self):
        path = self.path("printed.csv")
        for form in ("%.9g", "%g", "%.12g"):
            with open(path, "w") as file:
                file.write("objid,mjd,filter\n" + "".join(f"{form % (10**15 + identity)},{mjd},g\n" for mjd, identity in enumerate(self.id[:50] - 2**53)))
            self.refused(3, "as if they were printed with", "--join", "id:objid", files=[path])
        with open(path, "w") as file:
            file.write("objid,mjd,filter\n" + "".join(f"{10**12 + identity}.0,{mjd},g\n" for mjd, identity in enumerate(self.id[:50] - 2**53)))
        self.refused(3, "none of 50 measurements has an object", "--join", "id:objid", files=[path])  # all digits are there

    def test_measurements_may_lack_filter_and_time_and_rows_be_left_out(self):
        result = self.measure(self.path("m.h5"), "--join", "id:objid", "--columns.time", "none", "--columns.filter", "none", "--where",
                              "mag < 22", "--keep", "mag,expnum")
        chosen = np.flatnonzero(self.columns["mag"] < 22)
        self.assertIn(f"left out {MEASUREMENTS - len(chosen):,} rows by --where", result.out)
        parents = self.joined_by_id()[chosen]
        with h5py.File(self.path("m.h5")) as file:
            self.assertEqual(set(file["meas"]), {"mag", "expnum", "objid", "ra", "dec"})
            order = np.argsort(parents, kind="stable")
            np.testing.assert_array_equal(file["meas/expnum"], self.columns["expnum"][chosen][order][(parents < 0).sum():])

    def test_wrong_options_are_refused_in_one_line(self):
        by_id = ("--join", "id:objid")
        self.refused(2, "--join = nearest (must be id:COLUMN or position:ARCSEC)", "--join", "nearest")
        self.refused(2, "--join = position:0 (the radius must be above 0", "--join", "position:0")
        self.refused(2, "no column 'object' (named by", "--join", "id:object")
        self.refused(2, "column name is text, but ids are whole numbers in", "--join", "id:name")
        self.refused(2, "no column 'when' (named by --columns.time)", *by_id, "--columns.time", "when")
        self.refused(2, "column mag cannot be the filter", *by_id, "--columns.filter", "mag")
        self.refused(2, "column image cannot be the time", *by_id, "--columns.time", "image")
        self.refused(2, "--ordering does not go with --measurements", *by_id, "--ordering", "none")
        self.refused(3, "none of 24,000 measurements has an object in", "--join", "id:expnum")
        self.refused(3, "ids are whole numbers below 2^53 or text", "--join", "id:mag")
        self.measure(self.path("m.h5"), *by_id)
        again = self.run_skyfold("import", "--measurements", *self.files, "--objects", self.path("m.h5"), "--output", self.path("x.h5"), *by_id)
        self.assertIn("m.h5: has measurements (import all of them at once", again.err)
        for words, message in ((["--measurements", *self.files], "--objects is missing"), (["--objects", self.objects], "--input is missing"),
                               (["--measurements", *self.files, "--objects", self.objects], "--join is missing"),
                               (["--input", self.table, *by_id], "--join")):
            result = self.run_skyfold("import", "--output", self.path("x.h5"), *words)
            self.assertEqual(result.code, 2)
            self.assertIn(message, result.err)


class RealData(support.SkyfoldTest):
    """Stars of PHAT's brick 15, and objects and sources of HATS' own tests: everything that goes in comes out again."""

    def exported(self, product, *words):
        self.skyfold("export", product, "--format", "fits", "--output", self.path("out.fits"), *words)
        with fits.open(self.path("out.fits")) as file:
            return {name: np.array(file[1].data[name]) for name in file[1].columns.names}

    def test_phat_comes_back_with_every_value_and_with_ids_of_positions(self):
        with fits.open(support.shared("catalogue/phat/b15_4band_det_27_A.fits")) as file:
            columns = {name: np.array(file[1].data[name]) for name in file[1].columns.names}
            file[1].header["EXTNAME"] = "PHAT"
        self.skyfold("import", "--input", support.shared("catalogue/phat/b15_4band_det_27_A.fits"), "--with-ids", "phat", "--output", self.path("phat.h5"))
        found = self.exported(self.path("phat.h5"))
        self.assertEqual(set(found) - set(columns), {"id", "htm9", "pix256", "pix4096", "random_id", "_healpix_29"})
        for name, values in columns.items():
            np.testing.assert_array_equal(found[name], values[found["id"]], name)
        import healpy
        np.testing.assert_array_equal(found["pix256"], healpy.ang2pix(256, found["ra"], found["dec"], lonlat=True))
        np.testing.assert_array_equal(found["pix4096"], healpy.ang2pix(4096, found["ra"], found["dec"], nest=True, lonlat=True))
        self.assertTrue(np.all((found["random_id"] >= 0) & (found["random_id"] < 100)))
        # One measurement of each star in each filter, filters and stars in any order.
        order = np.random.default_rng(2).permutation(6 * len(columns["ra"]))
        filters = [name[:5] for name in columns if name.endswith("_vega")]
        star, band = order // 6, order % 6
        measured = {"objid": star, "filter": np.array(filters, dtype="S5")[band], "mjd": 55_000.0 + band,
                    "vega": np.array([columns[f"{filters[b]}_vega"][k] for k, b in zip(star, band)]),
                    "flag": np.array([columns[f"{filters[b]}_flag"][k] for k, b in zip(star, band)], dtype=np.int32),
                    "gst": np.array([columns[f"{filters[b]}_gst"][k] for k, b in zip(star, band)]).astype(np.uint8)}
        self.skyfold("import", "--measurements", support.make_hdf5(self.path("m.h5"), measured), "--objects", self.path("phat.h5"), "--join",
                     "id:objid", "--output", self.path("c.h5"))
        back = self.exported(self.path("c.h5"), "--table", "meas")
        row = np.argsort(found["id"])
        expected = np.lexsort([measured["filter"], row[star]])
        self.assertEqual(set(back), set(measured))
        for name, values in measured.items():
            ours = back[name].astype("S") if values.dtype.kind == "S" else back[name]
            np.testing.assert_array_equal(ours, values[expected], name)

    def test_sources_of_hats_come_back_with_their_objects(self):
        folder = "catalogue/hats_small_sky/"
        sources = np.genfromtxt(support.shared(folder + "small_sky_source.csv"), delimiter=",", names=True, dtype=None, encoding="ascii")
        self.skyfold("import", "--input", support.shared(folder + "small_sky.csv"), "--output", self.path("o.h5"))
        self.skyfold("import", "--measurements", support.shared(folder + "small_sky_source.csv"), "--objects", self.path("o.h5"), "--join",
                     "id:object_id", "--output", self.path("c.h5"))
        back = self.exported(self.path("c.h5"), "--table", "meas")
        self.assertEqual(set(back), set(sources.dtype.names))
        order, expected = np.argsort(back["source_id"]), np.argsort(sources["source_id"])
        for name in sources.dtype.names:
            ours = back[name][order].astype(sources[name].dtype)
            np.testing.assert_array_equal(ours, sources[name][expected], name)
        objects = support.read_group(self.path("o.h5"))
        with h5py.File(self.path("c.h5")) as file:
            np.testing.assert_array_equal(np.repeat(objects["id"], np.diff(file["meas_offset"])), file["meas/object_id"])
        refused = self.run_skyfold("export", self.path("c.h5"), "--table", "meas_orphan", "--format", "csv", "--output", self.path("x.csv"))
        self.assertEqual(refused.code, 3)
        self.assertIn("has no measurements without an object", refused.err)
        refused = self.run_skyfold("export", self.path("c.h5"), "--table", "meas", "--where", "mag < 1", "--format", "csv", "--output", self.path("x.csv"))
        self.assertEqual(refused.code, 2)
        self.assertIn("--where does not go with --table meas", refused.err)

    def test_ids_of_positions_that_a_table_has_are_not_believed(self):
        table = support.make_csv(self.path("t.csv"), {"id": np.arange(3), "ra": np.array([34.521161, 200.0, 10.0]),
                                                      "dec": np.array([-5.112165, 0.0, 41.0]), "htm9": np.array([1, 2, 3])})
        result = self.skyfold("import", "--input", table, "--with-ids", "phat", "--output", self.path("t.h5"))
        self.assertIn("column htm9 is made anew from the positions", result.err)
        rows = support.read_group(self.path("t.h5"))
        self.assertEqual(rows["htm9"][rows["id"] == 0], 2144799)
        refused = self.run_skyfold("import", "--input", support.make_csv(self.path("u.csv"), {"id": np.arange(3)}), "--ordering", "none",
                                   "--with-ids", "phat", "--output", self.path("u.h5"))
        self.assertEqual(refused.code, 2)
        self.assertIn("has no coordinates", refused.err)


class Mock(support.SkyfoldTest):
    WORDS = ("mock", "--kind", "photometry", "--objects", 3000, "--photometry.measurements", 40_000, "--seed", 3)

    def test_a_mock_is_what_an_import_of_its_tables_gives_for_any_ranks(self):
        whole = self.path("mock.h5")
        self.skyfold(*self.WORDS, "--output", whole, "--threads", 1)
        for ranks, options in ((2, []), (4, ["--farm.block_rows", 500])):
            self.skyfold(*self.WORDS, "--output", self.path("n.h5"), "--fresh", *options, ranks=ranks)
            self.assertTrue(support.read_bytes(self.path("n.h5")) == support.read_bytes(whole), f"{ranks} ranks")
        self.skyfold("export", whole, "--format", "fits", "--output", self.path("o.fits"))
        self.skyfold("export", whole, "--table", "meas", "--format", "fits", "--output", self.path("m.fits"))
        with fits.open(self.path("m.fits")) as file:
            rows = np.array(file[1].data)
            self.assertEqual(len(rows), 40_000)
            file[1].data = file[1].data[np.random.default_rng(1).permutation(len(rows))]
            file.writeto(self.path("s.fits"))
        self.skyfold("import", "--input", self.path("o.fits"), "--output", self.path("o.h5"))
        self.skyfold("import", "--measurements", self.path("s.fits"), "--objects", self.path("o.h5"), "--join", "id:objid", "--output", self.path("c.h5"))
        with h5py.File(whole) as mock, h5py.File(self.path("c.h5")) as made:
            np.testing.assert_array_equal(mock["meas_offset"], made["meas_offset"])
            for name in mock["meas"]:
                ours, theirs = (file["meas"][name][:] for file in (mock, made))
                if name in ("filter", "image"):
                    ours, theirs = (file[f"index/meas_dictionary/{name}/value"][:][codes] for file, codes in ((mock, ours), (made, theirs)))
                np.testing.assert_array_equal(ours, theirs, name)
        # A compressed copy has the same rows, and the second name of the offsets, too.
        self.skyfold(*self.WORDS, "--output", self.path("z.h5"), "--compress", "shuffle-deflate")
        with h5py.File(whole) as plain, h5py.File(self.path("z.h5")) as packed:
            np.testing.assert_array_equal(plain["meas_offset"], packed["meas_offset"])
            np.testing.assert_array_equal(plain["meas/mag"], packed["meas/mag"])


if __name__ == "__main__":
    support.main()
