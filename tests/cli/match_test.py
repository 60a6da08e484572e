"""The command match from outside: nearest objects, cuts, corrections, the same bytes for any layout, deaths and resumes, bad input."""
import os
import pathlib
import signal
import subprocess
import sys

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_hdf5, read_bytes, read_group

ARCSEC = 1 / 3600
INI = """name = T
year = 2020
file = {table}
[columns]
ra = ra
dec = dec
z = z
quality = q
[quality]
values = 4:4,3:3
"""


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], -1)


def separations(ra, dec, to_ra, to_dec):
    """Of one position to many, arcsec."""
    chord = np.linalg.norm(unit(ra, dec) - unit(to_ra, to_dec), axis=-1)
    return np.degrees(2 * np.arcsin(chord / 2)) * 3600


class MatchCommand(support.SkyfoldTest):
    """A catalogue with clumps at the scale of the radius, across RA = 0 and a pole, and spectroscopic objects among them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = np.random.default_rng(7)
        n = 3000
        ra = np.concatenate([rng.uniform(-20, 20, n // 2) * 2 * ARCSEC, rng.uniform(0, 360, n // 2)]) % 360
        dec = np.concatenate([rng.uniform(-20, 20, n // 2) * 2 * ARCSEC + 10, 90 - np.sqrt(rng.uniform(0, 1, n // 2)) * 60 * ARCSEC])
        cls.columns = {"COADD_ID": rng.permutation(n) + 10**6, "RA": ra, "DEC": dec, "TILENAME": np.where(ra < 180, b"east", b"west").astype("S8"),
                       "EBV": rng.uniform(0, 0.2, n), "FLAGS": rng.integers(0, 4, n).astype("i4"), "SPREAD": rng.normal(0, 0.004, n)}
        for band in "gri":
            cls.columns["mag_" + band] = np.where(rng.uniform(size=n) < 0.02, 99, rng.normal(21, 1, n)).astype("f4")
            cls.columns["mag_err_" + band] = rng.uniform(0.01, 0.3, n).astype("f4")
        cls.catalogue = str(cls.base / "cat.h5")
        cls.skyfold("import", "--input", make_hdf5(cls.base / "raw.h5", cls.columns), "--columns.ra", "RA", "--columns.dec", "DEC",
                    "--columns.id", "COADD_ID", "--columns.tile", "TILENAME", "--output", cls.catalogue)
        cls.photometry = read_group(cls.catalogue)
        m = 700
        spec_ra = np.concatenate([rng.uniform(-20, 20, m // 2) * 2 * ARCSEC, rng.uniform(0, 360, m // 2)]) % 360
        spec_dec = np.concatenate([rng.uniform(-20, 20, m // 2) * 2 * ARCSEC + 10, 90 - np.sqrt(rng.uniform(0, 1, m // 2)) * 60 * ARCSEC])
        (cls.base / "t.ini").write_text(INI.format(table="t.csv"))
        make_csv(cls.base / "t.csv", {"ra": spec_ra, "dec": spec_dec, "z": rng.uniform(0.01, 1, m), "q": rng.integers(3, 5, m)})
        cls.sample = str(cls.base / "spec.h5")
        cls.skyfold("spec", "--surveys", cls.base / "t.ini", "--output", cls.sample, "--spec.radius", 1e-3)
        cls.spectroscopy = read_group(cls.sample)

    def match(self, *words, name="t.h5", **options):
        self.last = self.skyfold("match", "--spec", self.sample, "--catalogue", self.catalogue, "--output", self.path(name), *words, **options)
        return read_group(self.path(name))

    def fails(self, code, message, *words, spec=None, catalogue=None):
        result = self.run_skyfold("match", "--spec", spec or self.sample, "--catalogue", catalogue or self.catalogue,
                                  "--output", self.path("x.h5"), *words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)
        self.assertFalse(pathlib.Path(self.path("x.h5")).exists())

    @classmethod
    def brute_force(cls, radius=1.0):
        """Row of the nearest photometric object of each spectroscopic one, by its id; and its separation."""
        nearest = {}
        for i, (ra, dec) in enumerate(zip(cls.spectroscopy["ra"], cls.spectroscopy["dec"])):
            apart = separations(ra, dec, cls.photometry["RA"], cls.photometry["DEC"])
            row = int(np.argmin(apart))
            if apart[row] <= radius + 1e-9:
                nearest[int(cls.spectroscopy["id"][i])] = (row, apart[row])
        return nearest


class Matches(MatchCommand):
    def test_they_are_those_of_brute_force(self):
        for radius in (1.0, 0.3, 5.0):
            training = self.match("--match.radius", radius, name=f"{radius}.h5")
            expected = self.brute_force(radius)
            self.assertGreater(len(expected), 20)
            self.assertEqual(set(training["spec_id"].tolist()), set(expected))
            for i, spec_id in enumerate(training["spec_id"]):
                row, apart = expected[int(spec_id)]
                self.assertEqual(training["id"][i], self.photometry["COADD_ID"][row])
                self.assertAlmostEqual(training["separation"][i], apart, delta=1e-9)
                for ours, theirs in (("ra", "RA"), ("dec", "DEC"), ("mag_g", "mag_g"), ("mag_err_i", "mag_err_i")):
                    self.assertEqual(training[ours][i], self.photometry[theirs][row])
            order = {int(spec_id): i for i, spec_id in enumerate(self.spectroscopy["id"])}
            rows = [order[int(spec_id)] for spec_id in training["spec_id"]]
            for ours, theirs in (("spec_ra", "ra"), ("spec_dec", "dec"), ("z_spec", "z"), ("quality", "quality"),
                                 ("group_id", "group_id"), ("class", "class")):
                np.testing.assert_array_equal(training[ours], self.spectroscopy[theirs][rows], ours)

    def test_symmetric_ones_have_each_photometric_object_once(self):
        every, once = self.match(name="a.h5"), self.match("--match.symmetric", name="b.h5")
        self.assertLess(len(np.unique(every["id"])), len(every["id"]))
        self.assertEqual(sorted(np.unique(every["id"]).tolist()), sorted(once["id"].tolist()))
        for i, photometric in enumerate(once["id"]):
            mine = every["id"] == photometric
            self.assertEqual(once["separation"][i], every["separation"][mine].min())
        shared = np.unique(np.unique(every["id"], return_counts=True)[1], return_counts=True)
        expected = ", ".join(f"{n}: {count}" for n, count in zip(*shared))
        self.assertIn(f"spectroscopic objects to a photometric one: {expected}", self.last.out)

    def test_what_each_survey_gave_is_counted(self):
        """The even rows of the catalogue are NEAR's objects; FAR's are the odd ones, every fifth of them out of reach."""
        rng = np.random.default_rng(3)
        z = rng.uniform(0.1, 1, 400)
        truth = {}
        for name, first in (("NEAR", 0), ("FAR", 1)):
            rows = np.arange(first, 400, 2) + 1600  # where no objects crowd
            off = np.where(np.arange(200) % 5 == 0, 2000 * ARCSEC, 0) * first
            make_csv(self.path(name + ".csv"), {"ra": self.columns["RA"][rows], "dec": self.columns["DEC"][rows] - off, "z": z[rows - 1600], "q": np.full(200, 4)})
            (self.folder / (name + ".ini")).write_text(INI.format(table=name + ".csv").replace("name = T", f"name = {name}"))
            truth[name] = 200
        self.skyfold("spec", "--surveys", self.path("NEAR.ini"), self.path("FAR.ini"), "--output", self.path("two.h5"), "--spec.radius", 1e-3)
        sample = read_group(self.path("two.h5"))
        self.last = self.skyfold("match", "--spec", self.path("two.h5"), "--catalogue", self.catalogue, "--output", self.path("t.h5"), "--cuts", "FLAGS < 2")
        training = read_group(self.path("t.h5"))
        lines = self.last.out.splitlines()
        for name in truth:
            cells = next(line for line in lines if line.startswith(name)).split()
            of = sample["survey"] == name.encode()
            matched = sum(separations(ra, dec, self.photometry["RA"], self.photometry["DEC"]).min() <= 1.0
                          for ra, dec in zip(sample["ra"][of], sample["dec"][of]))
            mine = training["z_spec"][training["survey"] == name.encode()]
            self.assertTrue(0 < len(mine) < matched)
            self.assertEqual(cells[1:], [str(of.sum()), str(matched), f"{100 * matched / of.sum():.2f}", str(len(mine)), f"{100 * len(mine) / len(training['id']):.2f}",
                                         *(f"{value:.4f}" for value in (mine.mean(), mine.min(), mine.max()))])

    def test_the_training_set_is_a_catalogue_in_the_order_of_the_sky(self):
        training = self.match("--fits", self.path("t.fits"))
        self.assertTrue(np.all(np.diff(training["_healpix_29"]) >= 0))
        self.skyfold("info", "--catalogue", self.path("t.h5"))
        table = fits.getdata(self.path("t.fits"))
        np.testing.assert_array_equal(table["spec_id"], training["spec_id"])
        with h5py.File(self.path("t.h5")) as file:
            self.assertEqual(file.attrs["product_class"], "training_set")
        self.skyfold("train", "--calibrate", "none", "--sample", self.path("t.h5"), "--output", self.path("m.h5"), "--dnf.neighbours", 10)


class Selection(MatchCommand):
    def test_cuts_apply_in_order_and_are_counted(self):
        every = self.match(name="a.h5")
        cuts = "mag_i < 21.5; FLAGS & 1 == 0 and mag_err_i < 0.2 ; z_spec > 0.3 and quality == 4"
        training = self.match("--cuts", cuts, "--keep", "FLAGS,SPREAD", name="b.h5")
        flags = dict(zip(self.photometry["COADD_ID"].tolist(), self.photometry["FLAGS"].tolist()))
        first = every["mag_i"] < 21.5
        second = first & (np.array([flags[i] & 1 for i in every["id"].tolist()]) == 0) & (every["mag_err_i"] < 0.2)
        third = second & (every["z_spec"] > 0.3) & (every["quality"] == 4)
        self.assertEqual(training["spec_id"].tolist(), every["spec_id"][third].tolist())
        self.assertEqual(training["FLAGS"].tolist(), [flags[i] for i in training["id"].tolist()])
        for count, text in ((first.sum(), "mag_i < 21.5"), (second.sum(), "FLAGS & 1 == 0 and"), (third.sum(), "z_spec > 0.3 and quality == 4")):
            self.assertRegex(self.last.out, rf" {count} {text}")
        with h5py.File(self.path("b.h5")) as file:
            self.assertEqual(file.attrs["selection"].splitlines()[1:], ["where " + cut.strip() for cut in cuts.split(";")])

    def test_point_sources_go_by_a_column_or_a_table(self):
        stars = np.abs(self.photometry["SPREAD"]) < 0.003
        every = self.match(name="a.h5")
        is_star = dict(zip(self.photometry["COADD_ID"].tolist(), stars.tolist()))
        expected = [spec for spec, i in zip(every["spec_id"].tolist(), every["id"].tolist()) if not is_star[i]]
        self.assertEqual(self.match("--match.star_cut", "abs(SPREAD) < 0.003", name="b.h5")["spec_id"].tolist(), expected)
        table = make_csv(self.path("stars.csv"), {"id": self.photometry["COADD_ID"], "p": stars.astype("f8")})
        self.assertEqual(self.match("--match.star_table", table, "--match.star_cut", "p > 0.5", name="c.h5")["spec_id"].tolist(), expected)
        only = make_csv(self.path("only.csv"), {"id": self.photometry["COADD_ID"][stars]})
        self.assertEqual(self.match("--match.star_table", only, name="d.h5")["spec_id"].tolist(), expected)

    def test_corrections_change_observed_magnitudes_before_the_cuts(self):
        every = self.match("--keep", "EBV,TILENAME", name="a.h5")
        tiles = make_csv(self.path("zp.csv"), {"TILENAME": np.array(["east", "west"]), "g": np.array([0.1, 0.2]),
                                                   "r": np.array([0.3, 0.4]), "i": np.array([0.5, 0.6])})
        training = self.match("--match.zeropoint", "0.01,-0.02,0.03", "--extinction.column", "EBV", "--extinction.coefficients", "3.2,2.2,1.6",
                              "--match.zeropoint_table", tiles, "--keep", "EBV,TILENAME", "--cuts", "mag_r < 50", name="b.h5")
        by_tile = {b"east": (0.1, 0.3, 0.5), b"west": (0.2, 0.4, 0.6)}
        offsets = np.array([by_tile[tile.rstrip(b"\0")] for tile in every["TILENAME"]])
        expected = {}
        for k, (band, zero, coefficient) in enumerate((("g", 0.01, 3.2), ("r", -0.02, 2.2), ("i", 0.03, 1.6))):
            mag = every["mag_" + band].astype("f8")
            expected[band] = np.where(mag == 99, 99, mag + zero + offsets[:, k] - coefficient * every["EBV"])
        keep = expected["r"] < 50
        self.assertLess(keep.sum(), len(keep))
        for band in "gri":
            np.testing.assert_allclose(training["mag_" + band], expected[band][keep], rtol=2e-7)
        with h5py.File(self.path("b.h5")) as file:
            self.assertIn("extinction taken off: EBV times g 3.2, r 2.2, i 1.6", file.attrs["selection"])

    def test_matches_without_reddening_are_counted_and_have_no_magnitudes(self):
        columns = dict(self.columns)
        lacks = np.random.default_rng(3).uniform(size=len(columns["EBV"])) < 0.1
        columns["EBV"] = np.where(lacks, np.where(np.arange(len(lacks)) % 2 == 0, np.nan, np.inf), columns["EBV"])
        self.skyfold("import", "--input", make_hdf5(self.path("raw.h5"), columns), "--columns.ra", "RA", "--columns.dec", "DEC",
                     "--columns.id", "COADD_ID", "--columns.tile", "TILENAME", "--output", self.path("c.h5"))
        words = ("--extinction.column", "EBV", "--extinction.coefficients", "3.2,2.2,1.6")
        self.last = self.skyfold("match", "--spec", self.sample, "--catalogue", self.path("c.h5"), "--output", self.path("t.h5"), *words)
        training = read_group(self.path("t.h5"))
        expected = np.isin(training["id"], columns["COADD_ID"][lacks])
        self.assertGreater(expected.sum(), 5)
        self.assertIn(f"matches without E(B-V): {expected.sum()} of {len(expected)}, whose magnitudes are missing", self.last.out)
        for band in "gri":
            np.testing.assert_array_equal(np.isnan(training["mag_" + band]), expected & (training["mag_" + band] != 99))
        self.assertIn("matches without E(B-V)", pathlib.Path(self.path("t.html")).read_text())
        self.match(*words, name="all.h5")
        self.assertRegex(self.last.out, r"matches without E.B-V.: 0 of")

    def test_conditions_are_not_split_in_quotes(self):
        every = self.match(name="a.h5")
        training = self.match("--cuts", "survey != 'a;b' ; class != \"x;'\"; ", name="b.h5")
        self.assertEqual(training["spec_id"].tolist(), every["spec_id"].tolist())
        with h5py.File(self.path("b.h5")) as file:
            self.assertEqual(file.attrs["selection"].splitlines()[1:], ["where survey != 'a;b'", "where class != \"x;'\""])

    def test_a_star_table_of_other_objects_is_a_warning(self):
        others = make_csv(self.path("others.csv"), {"id": np.array([1, 2, 3])})
        self.match("--match.star_table", others, name="a.h5")
        self.assertRegex(self.last.err, r"others.csv: none of its 3 ids of point sources is that of a match")
        own = make_csv(self.path("own.csv"), {"id": self.photometry["COADD_ID"][::2]})
        self.match("--match.star_table", own, name="b.h5")
        self.assertNotIn("none of its", self.last.err)

    def test_ids_of_a_star_table_that_lost_digits_are_refused(self):
        ids = self.photometry["COADD_ID"][::2]
        whole = make_csv(self.path("whole.csv"), {"id": ids})
        real = make_csv(self.path("real.csv"), {"id": ids.astype("f8")})
        self.assertEqual(self.match("--match.star_table", whole, name="a.h5")["spec_id"].tolist(),
                         self.match("--match.star_table", real, name="b.h5")["spec_id"].tolist())
        lost = make_csv(self.path("lost.csv"), {"id": np.append(ids, 2**53 + 2).astype("f8")})
        self.fails(3, rf"lost.csv, row {len(ids) + 1}, column id: .* is not sure to have all its digits", "--match.star_table", lost)

    def test_trailing_blanks_are_no_part_of_a_text_in_a_condition(self):
        for condition in ("class == 'galaxy'", "class == 'galaxy  '", "class in ('x ', 'galaxy ')"):
            training = self.match("--cuts", condition, name="c.h5")
            self.assertEqual({text.rstrip(b"\0") for text in training["class"].tolist()}, {b"galaxy"}, condition)

    def test_the_magnitude_type_is_chosen_by_the_names_of_the_columns(self):
        training = self.match("--bands", "EBV", "--bands.magnitude", "{band}", name="a.h5")  # any columns of numbers will do here
        self.assertIn("EBV", training)
        self.assertNotIn("mag_g", training)


class Identity(MatchCommand):
    def test_products_have_the_same_bytes_for_any_ranks_and_threads(self):
        words = ("--cuts", "mag_i < 22", "--match.symmetric")
        self.match(*words, "--threads", 1, name="one.h5")
        for ranks, threads in ((0, 3), (2, 1), (3, 2), (4, 1)):
            self.match(*words, "--threads", threads, name=f"{ranks}.h5", ranks=ranks)
            self.assertEqual(read_bytes(self.path(f"{ranks}.h5")), read_bytes(self.path("one.h5")), (ranks, threads))

    def test_a_second_call_has_nothing_to_do(self):
        self.match()
        before = os.stat(self.path("t.h5")).st_mtime_ns
        self.match()
        self.assertEqual(os.stat(self.path("t.h5")).st_mtime_ns, before)

    def die_at(self, output, name, ranks=0, words=()):
        command = [*(support.mpirun(ranks) if ranks else []), support._binary[0], "match", "--spec", self.sample, "--catalogue", self.catalogue,
                   "--output", output, *words]
        return subprocess.run(command, env=dict(support.environment(self.base), SKYFOLD_DIE_AT=name), capture_output=True).returncode

    def test_a_killed_run_goes_on_to_the_same_bytes(self):
        self.match(name="reference.h5")
        for k, point in enumerate(("made parts matches", "made products", "index added", "publishing")):
            output = self.path(f"{k}.h5")
            self.assertEqual(self.die_at(output, point), -signal.SIGKILL, point)
            self.match(name=f"{k}.h5", ranks=2 if k % 2 else 0)
            self.assertEqual(read_bytes(output), read_bytes(self.path("reference.h5")), point)


class ManyBlocks(support.SkyfoldTest):
    """A catalogue of several jobs."""

    def test_a_job_that_kills_its_process_is_done_by_the_next_attempt(self):
        self.skyfold("mock", "--objects", 600_000, "--seed", 3, "--spectroscopic", 0.01, "--output", self.path("c.h5"))
        (self.folder / "s.ini").write_text("name = M\nyear = 2020\nfile = c.spec.h5\n"
                                           "[columns]\nra = ra\ndec = dec\nz = z_spec\n[quality]\ndefault = 4\n")
        self.skyfold("spec", "--surveys", self.path("s.ini"), "--output", self.path("s.h5"))
        words = ["match", "--spec", self.path("s.h5"), "--catalogue", self.path("c.h5")]
        self.skyfold(*words, "--output", self.path("reference.h5"))
        killed = self.run_skyfold(*words, "--output", self.path("t.h5"), "--farm.fault", "kill@2:1")
        self.assertNotEqual(killed.code, 0)
        self.assertFalse(pathlib.Path(self.path("t.h5")).exists())
        for ranks in (3, 2):
            last = self.run_skyfold(*words, "--output", self.path("t.h5"), ranks=ranks)
            if last.code == 0:
                break
        self.assertEqual(last.code, 0, last)
        self.assertEqual(read_bytes(self.path("t.h5")), read_bytes(self.path("reference.h5")))
        training = read_group(self.path("t.h5"))
        self.assertTrue(np.all(training["separation"] < 1e-9))  # the sample's own objects
        self.assertGreater(len(training["id"]), 5000)


class BadInput(MatchCommand):
    def test_what_is_wrong_is_named(self):
        self.fails(2, "no column of redshifts found", spec=self.catalogue)
        self.fails(4, "no such file", catalogue=self.path("absent.h5"))
        self.fails(2, r"no column 'mag_x'", "--cuts", "mag_x < 3")
        self.fails(2, r"a condition is needed", "--cuts", "mag_g")
        self.fails(2, r"no column 'absent'", "--keep", "absent")
        self.fails(2, r"2 values for 3 bands", "--match.zeropoint", "0.1,0.2")
        self.fails(2, "belong together", "--extinction.column", "EBV")
        self.fails(2, "no column 'EBW'.*did you mean 'EBV'", "--extinction.column", "EBW", "--extinction.coefficients", "1,1,1")
        self.fails(3, "none of .* matches passes the cuts", "--cuts", "mag_g < -5")
        lacking = make_csv(self.path("zp.csv"), {"TILENAME": np.array(["east"]), "g": np.array([0.1]), "r": np.array([0.3]), "i": np.array([0.5])})
        self.fails(3, "no zero points for tile 'west'", "--match.zeropoint_table", lacking)
        self.fails(2, "must be in", "--match.radius", 0)
        self.fails(2, "--cuts: ';' holds no condition", "--cuts", " ; ")

    def test_corrections_that_are_no_numbers(self):
        self.fails(2, r"match.zeropoint = nan \(must be a finite number\)", "--match.zeropoint", "nan,0.1,0.2")
        self.fails(2, r"match.zeropoint = inf \(must be a finite number\)", "--match.zeropoint", "0.1,0.2,inf")
        self.fails(2, r"extinction.coefficients = nan \(must be a finite number\)", "--extinction.column", "EBV", "--extinction.coefficients", "1,nan,1")
        for cell in ("", "nan", "inf"):
            pathlib.Path(self.path("zp.csv")).write_text(f"TILENAME,g,r,i\neast,0.1,0.2,0.3\nwest,0.1,{cell},0.3\n")
            self.fails(3, "zp.csv, row 2, column r: no zero point", "--match.zeropoint_table", self.path("zp.csv"))

    def test_samples_far_from_the_catalogue(self):
        (self.folder / "t.ini").write_text(INI.format(table="t.csv"))
        make_csv(self.path("t.csv"), {"ra": np.array([200.0]), "dec": np.array([-50.0]), "z": np.array([0.1]), "q": np.array([4])})
        self.skyfold("spec", "--surveys", self.path("t.ini"), "--output", self.path("far.h5"))
        self.fails(3, "no object within 1 arcsec", spec=self.path("far.h5"))


if __name__ == "__main__":
    support.main()
