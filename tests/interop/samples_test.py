"""Groups of spec and matches of match beside scipy's kd-tree; the example registrations; the DES sample matched with itself."""
import os
import pathlib
import re
import sys
import unittest

import numpy as np

try:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree
except ImportError:
    cKDTree = None

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_fits, make_hdf5, read_group

INI = """name = {name}
year = {year}
file = {table}
[columns]
ra = {ra}
dec = {dec}
z = {z}
quality = {quality}
error = {error}
[quality]
{rule}
"""


def unit(ra, dec):
    ra, dec = np.radians(ra), np.radians(dec)
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def chord(arcsec):
    return 2 * np.sin(np.radians((arcsec + 1e-9) / 3600) / 2)


class Samples(support.SkyfoldTest):
    def register(self, name, table, year=2020, ra="ra", dec="dec", z="z", quality="q", error="e", rule="values = 4:4,3:3,2:2"):
        path = self.folder / f"{name}.ini"
        path.write_text(INI.format(name=name, year=year, table=pathlib.Path(table).name, ra=ra, dec=dec, z=z, quality=quality, error=error, rule=rule))
        return path

    def clustered(self, rng, n):
        """Groups of a few measurements at the scale of an arcsecond: in a field across RA = 0, and about the pole."""
        ra = np.where(np.arange(n) % 2 == 0, rng.uniform(-0.05, 0.05, n), rng.uniform(0, 360, n))
        dec = np.where(np.arange(n) % 2 == 0, rng.uniform(-0.05, 0.05, n), 90 - 0.05 * np.sqrt(rng.uniform(size=n)))
        again = rng.integers(0, n, n)
        moved = rng.normal(0, 0.5 / 3600, (2, n))
        ra = np.append(ra, ra[again] + moved[0] / np.maximum(np.cos(np.radians(dec[again])), 1e-5)) % 360
        return ra, np.clip(np.append(dec, dec[again] + moved[1]), -90, 90)

    @unittest.skipUnless(cKDTree, "needs scipy")
    def test_groups_are_the_connected_components_of_scipy(self):
        rng = np.random.default_rng(4)
        ra, dec = self.clustered(rng, 10_000)
        n = len(ra)
        columns = {"ra": ra, "dec": dec, "z": rng.uniform(0, 2, n), "q": rng.integers(2, 5, n), "e": rng.uniform(1e-4, 1e-3, n)}
        survey = self.register("a", make_hdf5(self.path("a.h5"), columns))
        out = self.skyfold("spec", "--surveys", survey, "--output", self.path("s.h5"), "--members", self.path("m.h5")).out
        good = np.flatnonzero(columns["q"] >= 3)
        pairs = cKDTree(unit(ra[good], dec[good])).query_pairs(chord(1.0), output_type="ndarray")
        graph = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(good), len(good)))
        count, label = connected_components(graph, directed=False)
        members, sample = read_group(self.path("m.h5")), read_group(self.path("s.h5"))
        self.assertEqual(len(sample["id"]), count)
        ours = np.empty(n, "i8")
        ours[members["row"]] = members["group_id"]
        self.assertEqual(len(np.unique(np.column_stack([label, ours[good]]), axis=0)), count)
        sizes, links = np.bincount(label), np.bincount(label[pairs[:, 0]], minlength=count)
        np.testing.assert_array_equal(np.sort(sample["group_size"]), np.sort(sizes))
        self.assertIn(f"{np.sum(links < sizes * (sizes - 1) // 2):,} groups with members farther apart than 1 arcsec", out)
        z = columns["z"][good]
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, label, z)
        np.maximum.at(high, label, z)
        self.assertIn(f"{np.sum((high - low) / (1 + low) > 0.01):,} groups with |dz|/(1+z) > 0.01", out)
        line = next(line for line in out.splitlines() if line.startswith("a ")).split()
        np.testing.assert_allclose([float(x) for x in line[-3:]], [sample["z"].mean(), sample["z"].min(), sample["z"].max()], atol=5.1e-5)

    @unittest.skipUnless(cKDTree, "needs scipy")
    def test_matches_are_those_of_scipy(self):
        rng = np.random.default_rng(5)
        ra, dec = self.clustered(rng, 60_000)
        bands = {f"mag_{band}": rng.normal(21, 1, len(ra)).astype("f4") for band in "gri"}
        errors = {f"mag_err_{band}": rng.uniform(0.01, 0.2, len(ra)).astype("f4") for band in "gri"}
        self.skyfold("import", "--input", make_fits(self.path("p.fits"), {"id": np.arange(len(ra)), "ra": ra, "dec": dec, **bands, **errors}),
                     "--output", self.path("c.h5"))
        spec_ra, spec_dec = self.clustered(rng, 5_000)
        m = len(spec_ra)
        survey = self.register("a", make_hdf5(self.path("a.h5"), {"ra": spec_ra, "dec": spec_dec, "z": rng.uniform(0, 2, m), "q": np.full(m, 4), "e": np.full(m, 1e-4)}))
        self.skyfold("spec", "--surveys", survey, "--output", self.path("s.h5"))
        out = self.skyfold("match", "--spec", self.path("s.h5"), "--catalogue", self.path("c.h5"), "--output", self.path("t.h5"), ranks=2).out
        sample, training = read_group(self.path("s.h5")), read_group(self.path("t.h5"))
        tree = cKDTree(unit(ra, dec))
        distance, nearest = tree.query(unit(sample["ra"], sample["dec"]), distance_upper_bound=chord(1.0))
        expected = {(spec, photometric) for spec, photometric, d in zip(sample["id"].tolist(), nearest.tolist(), distance) if np.isfinite(d)}
        self.assertGreater(len(expected), 1000)
        self.assertEqual(set(zip(training["spec_id"].tolist(), training["id"].tolist())), expected)
        counts = np.bincount([len(found) for found in tree.query_ball_point(unit(sample["ra"], sample["dec"]), chord(1.0))])
        for n in range(1, len(counts)):
            if counts[n]:
                self.assertIn(f"{n}: {counts[n]:,}", re.search("within the radius of a spectroscopic one: (.*)", out).group(1))

    def test_the_registrations_of_the_project_can_be_read(self):
        for file in sorted((support.SOURCE / "config" / "surveys").glob("*.ini")):
            result = self.run_skyfold("spec", "--surveys", file, "--output", self.path("x.h5"))
            self.assertEqual(result.code, 4, result)  # the tables are not there; what is wrong in the file itself would give 2
            self.assertRegex(result.errors()[0], r"\.fits: no such file")

    def test_flags_of_the_registrations_of_the_project_mean_what_the_surveys_say(self):
        cases = {"ozdes": ({"qop": [0, 1, 2, 3, 4, 6]}, [0, 1, 2, 3, 4, 4]),
                 "sdss": ({"ZWARNING": [0, 0, 4, 0], "Z_ERR": [1e-4, 1e-2, 1e-5, -1.0], "CLASS": np.array(["GALAXY", "QSO", "STAR", "GALAXY"], "S6")}, [4, 3, 0, 0]),
                 "vipers": ({"zflg": [4.5, 3.2, 2.5, 1.1, 9.5, 23.5, 14.4, 0.2, 214.5]}, [4, 3, 2, 1, 1, 3, 4, 0, 4]),
                 "zcosmos": ({"CC": [4.5, 3.5, 2.4, 1.5, 9.3, 13.5, 23.5, 0.0]}, [4, 3, 2, 1, 1, 3, 3, 0]),
                 "deep2": ({"ZQUALITY": [-2, -1, 0, 1, 2, 3, 4]}, [0, 4, 0, 1, 2, 3, 4])}
        for name, (flags, expected) in cases.items():
            with self.subTest(name):
                text = (support.SOURCE / "config" / "surveys" / f"{name}.ini").read_text()
                columns = dict(re.findall(r"(?m)^(ra|dec|z|error) = (\S+)$", text))
                n = len(expected)
                table = {columns["ra"]: 10.0 + np.arange(n), columns["dec"]: np.zeros(n), columns["z"]: np.full(n, 0.5)}
                if "error" in columns:
                    table[columns["error"]] = np.full(n, 1e-4)
                table.update({key: np.asarray(values) for key, values in flags.items()})
                make_fits(self.path(f"{name}.fits"), table)
                (self.folder / f"{name}.ini").write_text(re.sub(r"(?m)^file = .*$", f"file = {name}.fits", text))
                self.skyfold("spec", "--surveys", self.path(f"{name}.ini"), "--output", self.path(f"{name}.h5"), "--spec.quality_min", 0)
                sample = read_group(self.path(f"{name}.h5"))
                self.assertEqual(sample["quality"][np.argsort(sample["ra"])].tolist(), expected)

    def test_the_des_sample_finds_itself(self):
        for path in support.sample_and_shared("spec.fits", "photoz/des/des_spec_open.fits"):
            with self.subTest(path):
                is_sample = path == support.sample("spec.fits")
                names = {"ra": "ra", "dec": "dec", "z": "z_spec", "error": ""} if is_sample else {"ra": "RA", "dec": "DEC", "z": "Z", "error": "ERR_Z"}
                ini = self.folder / "des.ini"
                ini.write_text(INI.format(name="DES", year=2018, table=path, quality="", rule="default = 4", **names))
                self.skyfold("spec", "--surveys", ini, "--output", self.path("s.h5"), "--on-bad-row", "drop")
                self.skyfold("import", "--input", path, "--output", self.path("c.h5"))
                out = self.skyfold("match", "--spec", self.path("s.h5"), "--catalogue", self.path("c.h5"), "--output", self.path("t.h5")).out
                sample, training = read_group(self.path("s.h5")), read_group(self.path("t.h5"))
                self.assertGreater(len(sample["id"]), 3600)
                self.assertEqual(len(training["id"]), len(sample["id"]), out)
                self.assertLess(training["separation"].max(), 1e-9)
                for name in ("s", "c", "t"):
                    os.remove(self.path(f"{name}.h5"))


if __name__ == "__main__":
    support.main()
