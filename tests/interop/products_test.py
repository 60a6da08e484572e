"""Products of photoz as other programs read them, and photo-z of real surveys measured here."""
import re
import shutil
import subprocess
import sys
import pathlib
import warnings

import h5py
import healpy
import numpy as np
from astropy.io import fits
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

sys.path.insert(0, str(support.SOURCE / "python"))
import skyfold


class Products(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 5000, "--seed", 21, "--spectroscopic", 0.2, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.base / "survey.spec.h5", "--output", cls.model, "--dnf.neighbours", 30)
        cls.z, cls.fits, cls.pdf = (str(cls.base / name) for name in ("z.h5", "z.fits", "z.pdf.hdf5"))
        cls.result = cls.skyfold("photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--output", cls.z, "--fits", cls.fits,
                                 "--pdf", "interp", "--pdf.zmax", 2.5, "--pdf.bins", 126, ranks=2)

    def test_fits_equals_hdf5(self):
        rows = support.read_group(self.z)
        table = Table.read(self.fits, hdu=1)
        self.assertEqual(set(table.colnames), set(rows))
        with h5py.File(self.z, "r") as file:
            units = {name: data.attrs.get("unit", "") for name, data in file["object"].items()}
        for name, values in rows.items():
            np.testing.assert_array_equal(np.asarray(table[name]).astype(values.dtype.newbyteorder("=")), values, name)
            self.assertEqual(np.asarray(table[name]).dtype.newbyteorder("=").kind, values.dtype.kind, name)
            self.assertEqual(str(table[name].unit or ""), units[name], name)

    def test_units_and_meanings(self):
        with fits.open(self.fits) as file:
            header = file[1].header
        columns = {header[f"TTYPE{i}"]: i for i in range(1, header["TFIELDS"] + 1)}
        self.assertEqual([header[f"TUNIT{columns[name]}"] for name in ("ra", "dec")], ["deg", "deg"])
        self.assertEqual([header[f"TUCD{columns[name]}"] for name in ("id", "ra", "dec", "z_phot")],
                         ["meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main", "src.redshift.phot"])
        self.assertEqual(header["EXTNAME"], "PHOTOZ")
        self.assertIn("provenance", str(header["HISTORY"]).replace("\n", ""))

    def test_fitsverify_is_content(self):
        if not shutil.which("fitsverify"):
            self.skipTest("fitsverify is not installed")
        done = subprocess.run(["fitsverify", self.fits], capture_output=True, text=True)
        self.assertRegex(done.stdout, r"0 warning\(s\) and 0 error\(s\)", done.stdout)

    def test_checksums(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(self.fits, checksum=True) as file:
                self.assertEqual([file[1].verify_datasum(), file[1].verify_checksum()], [1, 1])  # 2: none in the header
        content = bytearray(support.read_bytes(self.fits))
        content[-3000] ^= 1
        pathlib.Path(self.path("changed.fits")).write_bytes(content)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fits.open(self.path("changed.fits"), checksum=True)[1].data
        self.assertTrue(caught)

    def test_pdfs_in_the_layout_of_qp(self):
        with h5py.File(self.pdf, "r") as file:
            self.assertEqual(set(file), {"meta", "data", "ancil"})
            self.assertEqual(set(file["meta"]), {"pdf_name", "pdf_version", "xvals"})
            np.testing.assert_array_equal(file["meta/pdf_name"][...], [b"interp"])
            np.testing.assert_array_equal(file["meta/pdf_version"][...], [0])
            grid, values = file["meta/xvals"][...], file["data/yvals"][...]
        self.assertEqual(grid.shape, (1, 126))
        np.testing.assert_allclose(grid[0], np.linspace(0, 2.5, 126), rtol=0, atol=1e-15)
        self.assertEqual(values.shape, (5000, 126))
        rows = support.read_group(self.z)
        known = ~np.isnan(rows["z_phot"])
        self.assertTrue((values[known] >= 0).all())
        np.testing.assert_allclose(np.trapz(values[known].astype("f8"), grid[0], axis=1), 1.0, atol=1e-5)
        inside = known & (rows["z_phot"] > 0.1) & (rows["z_phot"] < 2.0) & (rows["z_err"] < 0.1)
        mean = np.trapz(values * grid[0], grid[0], axis=1)
        self.assertLess(np.median(np.abs(mean - rows["z_phot"])[inside]), 0.05)

    def test_a_product_is_a_catalogue(self):
        described = self.skyfold("info", "--catalogue", self.z).out
        self.assertRegex(described, r"5,000 rows, ordered by healpix")
        self.assertRegex(described, r"z_phot +f8")
        self.skyfold("import", "--input", self.z, "--output", self.path("c.h5"))
        rows, again = support.read_group(self.z), support.read_group(self.path("c.h5"))
        for name in rows:
            np.testing.assert_array_equal(again[name], rows[name], name)

    def test_the_fits_product_is_an_input(self):
        self.skyfold("import", "--input", self.fits, "--output", self.path("c.h5"))
        rows, again = support.read_group(self.z), support.read_group(self.path("c.h5"))
        for name in rows:
            np.testing.assert_array_equal(again[name], rows[name], name)

    def test_python_reader(self):
        table = skyfold.read_catalogue(self.z)
        rows = support.read_group(self.z)
        for name in rows:
            np.testing.assert_array_equal(np.asarray(table[name]), rows[name])
        self.assertEqual(table["z_phot"].description, "photometric redshift")
        self.assertEqual(str(table["ra"].unit), "deg")

    def test_rows_are_those_of_the_catalogue(self):
        rows, source = support.read_group(self.z), support.read_group(self.catalogue)
        for name in ("id", "ra", "dec", "tile", "_healpix_29"):
            np.testing.assert_array_equal(rows[name], source[name])

    def test_the_time_of_all_ranks_adds_up(self):
        shares = [float(value) for value in re.findall(r"(?m)^(?!sum)\w+ +[\d.]+ +([\d.]+)%", self.result.out)]
        self.assertEqual(len(shares), 9)
        self.assertAlmostEqual(sum(shares), 100.0, delta=0.5)


class Quality:
    """Point-estimate metrics, from the definitions."""

    def __init__(self, z_phot, z_spec, z_err):
        used = (z_spec > 0) & ~np.isnan(z_phot)
        z_phot, z_spec, z_err = z_phot[used], z_spec[used], z_err[used]
        dz = (z_phot - z_spec) / (1 + z_spec)
        self.objects = used.sum()
        self.bias = np.median(dz)
        self.nmad = 1.4826 * np.median(np.abs(dz - np.median(dz)))
        self.outliers = np.mean(np.abs(dz) > 0.15)
        self.within = np.mean(np.abs(z_phot - z_spec) < z_err)

    def line(self):
        return (f"{self.objects:,} objects: median bias {self.bias:+.4f}, NMAD {self.nmad:.4f}, |dz| > 0.15: {100 * self.outliers:.2f} %, "
                f"within z_err: {100 * self.within:.1f} %")


class RealSurveys(support.SkyfoldTest):
    def assert_printed(self, quality, out):
        """The line of the run, within the rounding of its histogram and of its digits."""
        number = r"([+-]?[\d.]+)"
        printed = re.search(rf"of ([\d,]+) objects: median bias {number}, NMAD {number}, \|dz\| > 0.15: {number} %, within z_err: {number} %", out)
        self.assertTrue(printed, out)
        self.assertEqual(int(printed[1].replace(",", "")), quality.objects)
        for text, value, step in [(printed[2], quality.bias, 1e-4), (printed[3], quality.nmad, 1e-4), (printed[4], 100 * quality.outliers, 0.01),
                                  (printed[5], 100 * quality.within, 0.1)]:
            self.assertAlmostEqual(float(text), value, delta=0.5 * step + 3e-5, msg=f"{printed[0]}\n{quality.line()}")

    def test_the_samples(self):
        """Synthetic photometry to i = 20: train on two thirds, estimate the rest."""
        sample = support.sample("spec.fits")
        self.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("s.model.h5"), "--train.fraction", 0.67)
        self.skyfold("import", "--input", self.path("s.model.validation.h5"), "--ordering", "none", "--output", self.path("s.h5"))
        result = self.skyfold("photoz", "--catalogue", self.path("s.h5"), "--model", self.path("s.model.h5"), "--output", self.path("s.z.h5"), ranks=2)
        rows, truth = support.read_group(self.path("s.z.h5")), support.read_group(self.path("s.h5"))
        quality = Quality(rows["z_phot"], truth["z_spec"], rows["z_err"])
        self.assert_printed(quality, result.out)
        self.assertGreater(quality.objects, 1000)
        self.assertLess(quality.nmad, 0.035, quality.line())
        self.assertLess(quality.outliers, 0.03, quality.line())
        source = {row["id"]: row for row in Table.read(sample)}
        for i in range(0, len(truth["id"]), 20):
            self.assertEqual((truth["z_spec"][i], truth["mag_i"][i]), (source[truth["id"][i]]["z_spec"], source[truth["id"][i]]["mag_i"]))

    def test_des(self):
        """Real DES photometry: train on two thirds, estimate the rest."""
        sample = support.shared("photoz/des/des_spec_open.fits")
        self.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("des.model.h5"), "--train.fraction", 0.67)
        self.skyfold("import", "--input", self.path("des.model.validation.h5"), "--ordering", "none", "--output", self.path("des.h5"))
        result = self.skyfold("photoz", "--catalogue", self.path("des.h5"), "--model", self.path("des.model.h5"), "--output", self.path("des.z.h5"), ranks=2)
        rows, truth = support.read_group(self.path("des.z.h5")), support.read_group(self.path("des.h5"))
        quality = Quality(rows["z_phot"], truth["Z"], rows["z_err"])
        self.assert_printed(quality, result.out)
        self.assertGreater(quality.objects, 4000)
        self.assertLess(quality.nmad, 0.025, quality.line())
        self.assertLess(quality.outliers, 0.06, quality.line())
        source = {row["COADD_OBJECT_ID"]: row for row in Table.read(sample)}
        for i in range(0, len(truth["Z"]), 50):
            row = source[truth["COADD_OBJECT_ID"][i]]
            self.assertEqual(truth["Z"][i], row["Z"])
            self.assertEqual(truth["MAG_I"][i], row["MAG_I"])

    def test_des_on_the_sky(self):
        """All objects, across RA = 0, with positions from the file."""
        sample = support.shared("photoz/des/des_spec_open.fits")
        self.skyfold("import", "--input", sample, "--output", self.path("des.h5"), ranks=2)
        self.skyfold("train", "--calibrate", "none", "--sample", sample, "--output", self.path("des.model.h5"), "--train.fraction", 1)
        self.skyfold("photoz", "--catalogue", self.path("des.h5"), "--model", self.path("des.model.h5"), "--output", self.path("z.h5"),
                     "--fits", self.path("z.fits"), "--partition.by", "healpix", "--partition.nside", 32, ranks=2)
        source = Table.read(sample)
        rows = support.read_group(self.path("z.h5"))
        np.testing.assert_array_equal(np.sort(rows["COADD_OBJECT_ID"]), np.sort(source["COADD_OBJECT_ID"]))
        pixels = healpy.ang2pix(32, source["RA"], source["DEC"], nest=True, lonlat=True)
        np.testing.assert_array_equal(np.unique(rows["_healpix_29"] >> 48), np.unique(pixels))
        self.assertLess(rows["RA"].min(), 5)
        self.assertGreater(rows["RA"].max(), 355)
        done = subprocess.run(["fitsverify", self.path("z.fits")], capture_output=True, text=True) if shutil.which("fitsverify") else None
        if done:
            self.assertRegex(done.stdout, r"0 warning\(s\) and 0 error\(s\)", done.stdout)

    def test_dc2(self):
        """Simulated LSST photometry without positions."""
        train, test = (support.shared(f"photoz/dc2/test_dc2_{name}_9816.hdf5") for name in ("training", "validation"))
        self.skyfold("train", "--calibrate", "none", "--sample", train, "--output", self.path("dc2.model.h5"), "--train.fraction", 1)
        self.skyfold("import", "--input", test, "--ordering", "none", "--output", self.path("dc2.h5"))
        result = self.skyfold("photoz", "--catalogue", self.path("dc2.h5"), "--model", self.path("dc2.model.h5"), "--output", self.path("z.h5"), ranks=2)
        rows, truth = support.read_group(self.path("z.h5")), support.read_group(test, "/photometry")
        np.testing.assert_array_equal(rows["id"], truth["id"])
        quality = Quality(rows["z_phot"], truth["redshift"], rows["z_err"])
        self.assertEqual(quality.objects, 20449)
        self.assert_printed(quality, result.out)
        self.assertLessEqual(quality.nmad, 0.0245, quality.line())
        self.assertLessEqual(quality.outliers, 0.033, quality.line())
        # Gaussian errors would give 0.68; the prescribed quadrature sum of both errors counts photometric noise twice.
        self.assertTrue(0.60 <= quality.within <= 0.85, quality.line())


if __name__ == "__main__":
    support.main()
