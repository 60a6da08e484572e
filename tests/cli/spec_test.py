"""The command spec from outside: registration files, flags, the tie-break chain, groups across poles and RA = 0, bad rows,
the same bytes for any threads."""
import contextlib
import json
import pathlib
import sqlite3
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_fits, make_hdf5, read_bytes, read_group

PLAIN = {"columns.ra": "ra", "columns.dec": "dec", "columns.z": "z", "columns.quality": "q", "columns.error": "e",
         "quality.values": "4:4,3:3,2:2,1:1"}


def texts(values):
    return [value.decode().rstrip("\0 ") for value in values]


class SpecCommand(support.SkyfoldTest):
    def survey(self, name, table, folder=None, **lines):
        """Writes a table and its registration; returns the path of the latter. A line set to None is left out."""
        folder = pathlib.Path(folder or self.folder)
        folder.mkdir(exist_ok=True)
        if isinstance(table, dict):
            columns = {key: np.asarray(values) for key, values in table.items()}
            table = make_csv(folder / f"{name}.csv", columns)
        values = {"name": name, "year": 2015, "file": pathlib.Path(table).name, **PLAIN,
                  **{key.replace("__", "."): value for key, value in lines.items()}}
        sections = {}
        for key, value in values.items():
            if value is not None:
                section, _, rest = key.rpartition(".")
                sections.setdefault(section, []).append(f"{rest} = {value}")
        text = "".join((f"[{section}]\n" if section else "") + "\n".join(lines) + "\n" for section, lines in sorted(sections.items()))
        path = folder / f"{name}.ini"
        path.write_text(text)
        return str(path)

    def spec(self, *surveys, name="s.h5", words=()):
        self.last = self.skyfold("spec", "--surveys", *surveys, "--output", self.path(name), *words)
        return read_group(self.path(name))

    def fails(self, code, message, *surveys, words=()):
        result = self.run_skyfold("spec", "--surveys", *surveys, "--output", self.path("x.h5"), *words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)
        self.assertFalse(pathlib.Path(self.path("x.h5")).exists())


def rows(*measurements):
    """Columns of (ra, dec, z, q, e)."""
    return {key: [m[i] for m in measurements] for i, key in enumerate(("ra", "dec", "z", "q", "e"))}


class Duplicates(SpecCommand):
    def test_each_rule_of_the_chain_decides_once(self):
        """Five objects at RA 10, 20, ..., in surveys of different years; the expected redshift is that of the measurement that must win."""
        near = 0.3 / 3600
        old = self.survey("old", rows((10, 0, 0.11, 4, 0.1), (20, 0, 0.21, 4, 1e-5), (30, 0, 0.31, 3, 0.2), (40, 0, 0.41, 3, np.nan),
                                       (50, 0, 0.51, 3, 0.2)), year=2001)
        new = self.survey("new", rows((10 + near, 0, 0.12, 3, 1e-4), (20 + near, 0, 0.22, 4, 0.1)), year=2010)
        twin = self.survey("twin", rows((30 + near, 0, 0.32, 3, 0.1), (40 + near, 0, 0.44, 3, 0.1), (40 - near, 0, 0.49, 3, 0.2),
                                         (50 + near, 0, 0.55, 3, 0.2)), year=2001)
        sample = self.spec(old, new, twin)
        order = np.argsort(sample["ra"])
        self.assertEqual(sample["z"][order].tolist(), [0.11, 0.22, 0.32, 0.44, 0.51])
        self.assertEqual([texts(sample["survey"])[i] for i in order], ["old", "new", "twin", "twin", "old"])
        self.assertEqual(sample["group_size"][order].tolist(), [2, 2, 2, 3, 2])
        self.assertIn("1 quality, 1 year, 0 date, 1 error, 1 nearest to mean, 1 priority and row", self.last.out)
        reversed_priority = self.spec(twin, new, old, name="r.h5")
        self.assertEqual(sorted(reversed_priority["z"].tolist()), [0.11, 0.22, 0.32, 0.44, 0.55])

    def test_the_later_observation_of_one_survey_is_taken(self):
        """A pair at RA 10 and 20, the first one later there; the second pair has an undated member, so that its error decides."""
        table = {"ra": [10, 10, 20, 20, 30, 30], "dec": [0.0] * 6, "z": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "q": [4] * 6, "e": [0.2, 0.1] * 3}
        dates = {"iso": ("2015-03-01T00:00:10", "2015-03-01", "2015-04-01", "", "2014-12-31 23:59:59.5", "2015-01-01Z"),
                 "mjd": (57082.1, 57082.0, 57113.0, np.nan, 57022.9, 57023.0), "jd": (2457082.6, 2457082.5, 2457113.5, np.nan, 2457023.4, 2457023.5),
                 "year": (2015.17, 2015.16, 2015.3, np.nan, 2014.99, 2015.0)}
        for form, values in dates.items():
            for given in {form, "auto" if form in ("iso", "mjd") else form}:
                with self.subTest(form=form, given=given):
                    survey = self.survey("dated", make_fits(self.path("dated.fits"), {key: np.asarray(column) for key, column in table.items()}
                                                            | {"when": np.array(values, dtype="S" if form == "iso" else float)}),
                                         columns__date="when", date__format=given)
                    sample = self.spec(survey)
                    self.assertEqual(sorted(sample["z"].tolist()), [0.1, 0.4, 0.6])
                    self.assertIn("2 date, 1 error", self.last.out)

    def test_dates_that_are_none_are_refused(self):
        table = rows((10, 0, 0.1, 4, 0.1), (20, 0, 0.1, 1, 0.1))
        for values, form, code, message in (([2457082.5, 0], "auto", 3, r"t.csv, row 1, column when: 2457082.5 is no date between 1900 and 2100 as mjd .*date.format"),
                                            (["2015-02-30", "x"], "auto", 3, "row 1, column when: '2015-02-30' is no date"),
                                            (["2015-02-28T25:00", "x"], "iso", 3, "row 1, column when: '2015-02-28T25:00' is no date"),
                                            (["2015-02-28T24:30", "x"], "iso", 3, "row 1, column when: '2015-02-28T24:30' is no date"),
                                            (["2015-02-28", "x"], "mjd", 2, "date.format = mjd, but column when .* holds texts"),
                                            ([57000.0, 57001.0], "iso", 2, "date.format = iso, but column when .* holds numbers")):
            with self.subTest(values=values):
                make_csv(self.path("t.csv"), table | {"when": np.asarray(values)})
                self.fails(code, message, self.survey("t", self.path("t.csv"), columns__date="when", date__format=form))
        self.fails(2, "no column 'then'", self.survey("t", self.path("t.csv"), columns__date="then"))

    def test_priorities_in_the_files_make_the_order_on_the_command_line_irrelevant(self):
        rng = np.random.default_rng(1)
        surveys = []
        for k in range(3):
            n = 300
            surveys.append(self.survey(f"s{k}", rows(*zip((rng.uniform(0, 20, n) / 3600) % 360, rng.uniform(-10, 10, n) / 3600,
                                                          rng.uniform(0.1, 1, n), rng.integers(3, 5, n),
                                                          np.full(n, 0.1))), priority=k + 1))
        self.spec(*surveys, name="a.h5", words=("--members", self.path("a.m.h5")))
        self.spec(*surveys[::-1], name="b.h5", words=("--members", self.path("b.m.h5")))
        for table in ("", ".m"):
            a, b = read_group(self.path(f"a{table}.h5")), read_group(self.path(f"b{table}.h5"))
            for name in a:
                np.testing.assert_array_equal(a[name], b[name], name)

    def test_quality_is_judged_before_groups_are_made(self):
        bridge = rows((10, 0, 0.1, 4, 0.1), (10 + 0.9 / 3600, 0, 0.2, 2, 0.1), (10 + 1.8 / 3600, 0, 0.3, 4, 0.1))
        survey = self.survey("a", bridge)
        self.assertEqual(len(self.spec(survey)["z"]), 2)
        chained = self.spec(survey, name="b.h5", words=("--spec.quality_min", 2))
        self.assertEqual(chained["group_size"].tolist(), [3])
        self.assertIn("1 groups with members farther apart than 1 arcsec", self.last.out)

    def test_objects_across_ra_zero_and_the_poles_are_one(self):
        survey = self.survey("a", rows((359.9999, 10, 0.1, 4, 0.1), (0.00001, 10, 0.1, 3, 0.1), (0, 89.9999, 0.2, 4, 0.1),
                                       (180, 89.99995, 0.2, 3, 0.1),
                                       (10, -90, 0.3, 4, 0.1), (200, -90, 0.3, 3, 0.1), (-20, 5, 0.4, 4, 0.1), (340, 5, 0.4, 3, 0.1)))
        self.assertEqual(sorted(self.spec(survey)["group_size"].tolist()), [2, 2, 2, 2])

    def test_averages_and_discrepant_groups(self):
        survey = self.survey("a", rows((10, 0, 0.5, 4, 0.03), (10, 0, 0.7, 3, 0.04), (20, 0, 0.5, 4, 0.03), (20, 0, 0.501, 4, np.nan),
                                       (30, 0, 0.9, 4, 0.1)))
        sample = self.spec(survey, words=("--spec.resolve", "average"))
        order = np.argsort(sample["ra"])
        np.testing.assert_allclose(sample["z"][order], [0.6, 0.5005, 0.9], rtol=1e-14)
        np.testing.assert_allclose(sample["z_err"][order], [0.025, np.nan, 0.1], rtol=1e-6)
        self.assertIn("1 groups with |dz|/(1+z) > 0.01", self.last.out)

    def test_the_table_of_members_says_who_belongs_to_whom(self):
        survey = self.survey("a", rows((10, 0, 0.1, 4, 0.1), (50, 0, 0.5, 1, 0.1), (10, 0, 0.2, 3, 0.1), (20, 0, 0.3, 3, 0.1)))
        sample = self.spec(survey, words=("--members", self.path("m.h5")))
        members = read_group(self.path("m.h5"))
        self.assertEqual(sample["group_id"].tolist(), [0, 1])
        for i in range(2):
            mine = members["group_id"] == i
            self.assertEqual(mine.sum(), sample["group_size"][i])
            self.assertEqual(members["z"][mine & (members["chosen"] == 1)].tolist(), [sample["z"][i]])
        self.assertEqual(sorted(members["row"].tolist()), [0, 2, 3])


class Registration(SpecCommand):
    def test_flags_by_value_and_by_condition(self):
        table = {"ra": [10, 20, 30, 40, 50, 60], "dec": [0] * 6, "z": [0.1] * 6, "q": [4, 3, 6, 3, 3, 3], "e": [1e-5, 1e-2, 1e-5, 1e-5, 1e-3, np.nan]}
        sample = self.spec(self.survey("a", table, quality__4="e < 1e-4 and q in (3, 4)"), words=("--spec.quality_min", 0))
        self.assertEqual(sample["quality"][np.argsort(sample["ra"])].tolist(), [4, 3, 0, 4, 3, 3])

    def test_classes_by_value_by_condition_by_word_and_by_redshift(self):
        table = {"ra": [10, 20, 30, 40], "dec": [0] * 4, "z": [0.1, 0.0001, 0.5, 0.0001], "q": [4] * 4, "e": [0.1] * 4,
                 "c": np.array(["GALAXY", "Star", " QSO", "?"])}
        by = lambda **lines: (lambda s: [texts(s["class"])[i] for i in np.argsort(s["ra"])])(self.spec(self.survey("a", table, **lines), name="c.h5"))
        self.assertEqual(by(), ["galaxy", "star", "galaxy", "star"])
        self.assertEqual(by(columns__class="c"), ["galaxy", "star", "qso", "star"])
        self.assertEqual(by(columns__class="c", class__values="GALAXY:qso,?:galaxy"), ["qso", "star", "galaxy", "galaxy"])
        self.assertEqual(by(class__star="z > 0.2"), ["galaxy", "star", "star", "star"])

    def test_tables_of_every_format_and_several_files(self):
        columns = {"RAJ2000": np.array([10.0, 20.0]), "DEJ2000": np.zeros(2), "Z": np.array([0.5, 0.25]), "FLAG": np.array([1, 2], "i4")}
        lines = dict(columns__ra="RAJ2000", columns__dec="DEJ2000", columns__z="Z", columns__quality="FLAG", columns__error=None,
                     quality__values="1:4,2:3")
        reference = None
        for name, table in (("f", make_fits(self.path("f.fits"), columns)), ("c", make_csv(self.path("c.csv"), columns)),
                            ("h", make_hdf5(self.path("h.h5"), columns))):
            sample = self.spec(self.survey("a", table, **lines), name=f"{name}.s.h5")
            reference = reference or sample
            for column in sample:
                np.testing.assert_array_equal(sample[column], reference[column], column)
        both = self.spec(self.survey("a", self.path("f.fits"), file="f.fits,c.csv", **lines), name="both.h5")
        self.assertEqual(both["group_size"].tolist(), [2, 2])

    def test_the_product_tells_where_it_comes_from(self):
        self.spec(self.survey("a", rows((10, 0, 0.1, 4, 0.1)), reference="Someone, et al. 2015", version="DR1", quality__3="e < 0.5"))
        with h5py.File(self.path("s.h5")) as file:
            self.assertEqual(file.attrs["product_class"], "spectroscopic_sample")
            survey, = json.loads(file.attrs["surveys"])
        self.assertEqual([survey[key] for key in ("name", "version", "year", "reference", "files")],
                         ["a", "DR1", 2015, "Someone, et al. 2015", ["a.csv"]])
        self.assertEqual(survey["columns"]["quality"], "q")
        self.assertEqual(survey["quality"], {"values": {"4": 4, "3": 3, "2": 2, "1": 1}, "conditions": {"3": "e < 0.5"}, "default": 0})

    def test_files_are_relative_to_the_registration(self):
        path = self.survey("a", rows((10, 0, 0.1, 4, 0.1)), folder=self.folder / "elsewhere")
        self.assertEqual(len(self.spec(path)["z"]), 1)

    def test_import_and_train_read_the_sample(self):
        self.spec(self.survey("a", rows((10, 0, 0.1, 4, 0.1), (20, 0, 0.2, 4, 0.1))))
        self.skyfold("import", "--input", self.path("s.h5"), "--output", self.path("i.h5"))
        imported, sample = read_group(self.path("i.h5")), read_group(self.path("s.h5"))
        for name in sample:
            np.testing.assert_array_equal(imported[name], sample[name], name)


class Records(SpecCommand):
    def products(self, *words):
        return self.skyfold("products", *words, cwd=self.folder)

    def test_the_registry_has_both_products_and_a_replay_leaves_them_alone(self):
        self.spec(self.survey("a", rows((10, 0, 0.1, 4, 0.1), (10, 0, 0.2, 3, 0.1), (20, 0, 0.3, 3, 0.1))), words=("--members", self.path("m.h5")))
        listed = {pathlib.Path(p["path"]).name: p for p in json.loads(self.products("list", "--json").out)}
        self.assertEqual({name: (p["class"], p["rows"]) for name, p in listed.items()},
                         {"s.h5": ("spectroscopic_sample", 2), "m.h5": ("spectroscopic_members", 3)})
        with h5py.File(self.path("m.h5")) as file:
            self.assertEqual(file.attrs["product_class"], "spectroscopic_members")
        shown = json.loads(self.products("show", "s.h5", "--json").out)
        self.assertEqual(sorted(pathlib.Path(i["path"]).name for i in shown["inputs"]), ["a.csv", "a.ini"])
        before = pathlib.Path(self.path("m.h5")).stat().st_mtime_ns
        self.products("replay", "s.h5")
        self.assertEqual(pathlib.Path(self.path("m.h5")).stat().st_mtime_ns, before)

    def test_a_failed_run_is_recorded_with_its_inputs(self):
        self.spec(self.survey("a", rows((10, 0, 0.1, 4, 0.1))))  # makes the registry
        self.fails(3, "row 1, column ra: 999", self.survey("bad", rows((999, 0, 0.1, 4, 0.1))))
        with contextlib.closing(sqlite3.connect(self.path("skyfold.db"))) as registry:
            tables = [name for name, in registry.execute("select name from sqlite_master where type = 'table'")]
            text = " ".join(str(row) for table in tables for row in registry.execute(f"select * from {table}"))
        self.assertIn("bad.csv", text)


class Identity(SpecCommand):
    def test_many_measurements_of_one_position_are_one_object_soon(self):
        """5e9 pairs: whoever looks at each of them does not end within the time that the executable has."""
        n = 100_000
        table = {"ra": np.full(n, 10.0), "dec": np.full(n, -30.0), "z": np.linspace(0.1, 0.2, n), "q": np.full(n, 4), "e": np.full(n, 0.1)}
        table["dec"][-1] += 0.5 / 3600
        sample = self.spec(self.survey("a", make_hdf5(self.path("t.h5"), table)))
        self.assertEqual(sample["group_size"].tolist(), [n])
        self.assertIn("0 groups with members farther apart", self.last.out)

    def test_products_have_the_same_bytes_for_any_threads(self):
        rng = np.random.default_rng(2)
        n = 20_000
        survey = self.survey("a", make_hdf5(self.path("t.h5"), {"ra": rng.uniform(0, 60, n) / 60, "dec": rng.uniform(0, 1, n),
                                                                 "z": rng.uniform(0, 1, n),
                                                                 "q": rng.integers(0, 5, n), "e": rng.uniform(-1, 1, n)}))
        for threads in (1, 2, 3, 4):
            self.spec(survey, name=f"{threads}.h5", words=("--threads", threads, "--members", self.path(f"{threads}.m.h5")))
            self.assertEqual(read_bytes(self.path(f"{threads}.h5")), read_bytes(self.path("1.h5")))
            self.assertEqual(read_bytes(self.path(f"{threads}.m.h5")), read_bytes(self.path("1.m.h5")))
        self.assertGreater(read_group(self.path("1.h5"))["group_size"].max(), 1)

    def test_ids_stay_when_a_survey_is_added(self):
        a = self.survey("a", rows((10, 0, 0.1, 4, 0.1), (20, 0, 0.2, 4, 0.1)))
        b = self.survey("b", rows((5, 0, 0.1, 4, 0.1), (15, 0, 0.2, 4, 0.1)))
        one, two = self.spec(a), self.spec(b, a, name="two.h5")
        self.assertEqual(dict(zip(one["ra"], one["id"])), {ra: i for ra, i in zip(two["ra"], two["id"]) if ra in (10, 20)})
        self.assertEqual(len(set(two["id"].tolist())), 4)


class BadInput(SpecCommand):
    def test_rows_that_cannot_be_used(self):
        for bad, message in (((370, 0, 0.1, 4, 0.1), r"a.csv, row 2, column ra: 370"), ((10, -91, 0.1, 4, 0.1), r"row 2, column dec: -91"),
                             ((10, 0, np.nan, 4, 0.1), r"row 2, column z: no value"), ((10, 0, -9.99, 3, 0.1), r"row 2, column z: -9.99")):
            survey = self.survey("a", rows((1, 1, 0.5, 4, 0.1), bad, (2, 2, 0.5, 4, 0.1)))
            self.fails(3, message, survey)
            sample = self.spec(survey, words=("--on-bad-row", "drop"))
            self.assertEqual(len(sample["z"]), 2)
            self.assertIn("1 bad rows", self.last.out)
        good = self.survey("a", rows((1, 1, 0.5, 4, 0.1), (999, 999, np.nan, 1, 0.1)))
        self.assertEqual(len(self.spec(good)["z"]), 1)  # of bad quality: nobody looks at it

    def test_cells_that_are_no_numbers(self):
        lines = ["ra,dec,z,q,e"] + ["1,1,0.5,4,0.1"] * 10_001
        pathlib.Path(self.path("a.csv")).write_text("\n".join(lines + ["2,2,abc,4,0.1", "3,3,def,1,0.1"]) + "\n")
        survey = self.survey("a", self.path("a.csv"))
        self.fails(3, r"a.csv, row 10002, column z: .abc", survey)

    def test_registrations_that_say_too_little_or_nonsense(self):
        table = rows((1, 1, 0.5, 4, 0.1))
        for message, lines in ((r"a.ini: columns.ra is missing", dict(columns__ra=None)), (r"no column 'RAA'", dict(columns__ra="RAA")),
                               (r"nothing says which quality is good", dict(quality__values=None)),
                               (r"quality.values: '9' .must be 0 to 4", dict(quality__values="4:9")),
                               (r"unknown option 'columns.redshift'", dict(columns__redshift="z")), (r"no column 'zz'", dict(quality__4="zz < 3")),
                               (r"year is missing", dict(year=None)), (r"'good' is not a number", dict(quality__values="good:4"))):
            self.fails(2, message, self.survey("a", table, **lines))
        self.fails(4, "no such file", self.survey("a", table, file="absent.csv"))
        self.fails(4, "no such file", self.path("absent.ini"))
        twice = self.survey("a", table)
        self.fails(2, r"survey a is registered by", twice, twice)
        versioned = self.survey("b", table, version="DR1")
        self.fails(2, r"survey b DR1 is registered by", versioned, versioned)

    def test_samples_with_nothing_in_them(self):
        self.fails(3, "no redshift of quality 3 or better", self.survey("a", rows((1, 1, 0.5, 2, 0.1))))

    def test_outputs_over_inputs(self):
        survey = self.survey("a", rows((1, 1, 0.5, 4, 0.1)))
        result = self.run_skyfold("spec", "--surveys", survey, "--output", self.path("a.csv"))
        self.assertEqual(result.code, 2, result)


if __name__ == "__main__":
    support.main()
