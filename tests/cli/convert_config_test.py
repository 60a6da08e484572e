"""convert-config: configurations of BPZ, EAZY and LePhare become options of train that give what options by hand give.

    convert_config_test.py SKYFOLD
"""
import pathlib
import sys
import unittest
import unittest.mock

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

BANDS = "ugrizy"
TEMPLATES = {"El": -1.0, "Sbc": 0.0, "Scd": 0.5, "Im": 1.0}
COLUMNS = "\n".join(f"DC2LSST_{b} mag_{b}_lsst, mag_err_{b}_lsst AB {0.01 * i:.2f} {0.02 * i - 0.05:.2f}" for i, b in enumerate(BANDS))
COLUMNS += "\nZ_S redshift\nID photometry/id\nM_0 mag_i_lsst\n"
PARS = """COLUMNS a.columns
SPECTRA some.list # a list
PRIOR hdfn_gen
DZ 0.02
ZMIN 0.02
ZMAX 1.5
MADAU no
INTERP 1
ODDS 0.68
VERBOSE no
"""
PARA = """# all programs
FILTER_REP .
FILTER_LIST DC2LSST_g.res,DC2LSST_r.res,DC2LSST_i.res,DC2LSST_z.res
TRANS_TYPE 1,1,0,1
FILTER_CALIB 0
FILTER_FILE some
GAL_SED gal.list
GAL_LIB LIB_GAL
QSO_SED qso.list
STAR_SED star.list
EXTINC_LAW SMC_prevot.dat,SB_calzetti.dat
MOD_EXTINC 2,3,4,9
EB_V 0.,0.1,0.3
EM_LINES EMP_UV
EM_DISPERSION 0.5,1
Z_STEP 0.05,0,1.5
COSMOLOGY 67,0.32,0.68
MAGTYPE AB
INP_TYPE M
CAT_MAG AB
CAT_IN cat.in
ERR_SCALE 0.02,0.02,0.03,0.04
ERR_FACTOR 1.5
MAG_ABS -24,-8
MAG_REF 2
NZ_PRIOR 3,4
MABS_METHOD 2
MABS_REF 3
APPLY_SYSSHIFT 0.01,-0.02,0,0.03
AUTO_ADAPT NO
Z_INTERP YES
PDZ_TYPE MIN_ZG
VERBOSE NO
"""


class ConvertConfigTest(support.SkyfoldTest):
    def setUp(self):
        super().setUp()
        self.dir = self.folder
        wave = np.linspace(900, 30000, 1500)
        for name, slope in TEMPLATES.items():
            flux = np.where(wave > 4000, 1.0, 0.3 + 0.2 * slope) * (wave / 5000) ** (-slope) * (wave > 912)
            np.savetxt(self.dir / f"{name}.sed", np.c_[wave, np.maximum(flux, 0)])
        self.write("some.list", "".join(f"{name}.sed\n" for name in TEMPLATES))
        many = ""
        for i, band in enumerate(BANDS):
            lam = np.linspace(3200 + 1100 * i, 4400 + 1100 * i, 40)
            through = np.sin(np.pi * np.linspace(0, 1, 40)) * (1 + 0.3 * np.linspace(0, 1, 40))
            np.savetxt(self.dir / f"DC2LSST_{band}.res", np.c_[lam, through])
            many += f"40 band {band}\n" + "".join(f"{k + 1} {w:.6f} {t:.9f}\n" for k, (w, t) in enumerate(zip(lam, through)))
        self.write("FILTER.RES", many)
        rng = np.random.default_rng(3)
        self.n = 40
        self.mag = {b: rng.normal(23, 0.5, self.n) for b in BANDS}
        self.mag["u"][3] = 99.0
        with h5py.File(self.dir / "cat.hdf5", "w") as f:
            f["photometry/id"] = np.arange(1, self.n + 1)
            f["photometry/redshift"] = rng.uniform(0.1, 1.3, self.n)
            for b in BANDS:
                f[f"photometry/mag_{b}_lsst"] = self.mag[b]
                f[f"photometry/mag_err_{b}_lsst"] = np.full(self.n, 0.05)

    def write(self, name, text):
        (self.dir / name).write_text(text)
        return self.dir / name

    def call(self, *arguments, code=0):
        result = self.run_skyfold(*arguments, cwd=self.dir)
        self.assertEqual(result.code, code, str(result))
        return result.out + result.err

    def options(self, path="out.ini"):
        """The options of an INI file as text, with their comments left out."""
        options, section = {}, ""
        for line in (self.dir / path).read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]") + "."
            elif line and not line.startswith("#"):
                key, value = line.split(" = ", 1)
                options[section + key] = value
        return options

    def model(self, *arguments):
        self.call("train", "--sample", "cat.hdf5", "--output", "m.h5", "--bands.limits", "27,28,28,27,27,26", *arguments)
        with h5py.File(self.dir / "m.h5") as f:
            found = {}
            f.visititems(lambda name, item: found.update({name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None)
        return found

    def refused(self, message, *files, code=2, options=()):
        told = self.call("convert-config", *files, "--output", "out.ini", *options, code=code)
        self.assertIn(message, told)
        self.assertEqual(len(told.strip().splitlines()), 1, told)
        self.assertFalse((self.dir / "out.ini").exists())

    def test_a_converted_bpz_configuration_gives_the_model_of_options_by_hand(self):
        self.write("a.columns", COLUMNS)
        self.write("a.pars", PARS)
        self.call("convert-config", "a.pars", "--output", "out.ini")
        converted = self.model("--config", "out.ini")
        offsets = ",".join(f"{0.02 * i - 0.05:.2f}" for i in range(6))
        by_hand = self.model(
            "--algorithms", "bpz", "--train.fraction", "1", "--bands", "u,g,r,i,z,y", "--bands.magnitude", "mag_{band}_lsst",
            "--bands.error", "mag_err_{band}_lsst", "--bands.nondetection", "99", "--bpz.filters", "DC2LSST_{band}.res", "--bpz.templates",
            "some.list", "--bpz.zmin", "0.02", "--bpz.zmax", "1.5", "--bpz.dz", "0.02", "--bpz.interpolate", "1", "--bpz.prior", "hdfn",
            "--bpz.prior_band", "i", "--bpz.igm", "none", f"--bpz.zp_offset={offsets}", "--bpz.zp_error", "0,0.01,0.02,0.03,0.04,0.05",
            "--bpz.odds", "0.68", "--bpz.smoothing", "0.03", "--bpz.chi2", "reduced", "--redshift", "redshift", "--id", "id")
        self.assertGreater(len(by_hand), 4)
        self.assertEqual(converted, by_hand)

    def test_every_key_is_mapped_or_named_with_its_reason(self):
        self.write("a.columns", COLUMNS)
        self.write("a.pars", PARS + "COLOR yes\nNONSENSE 3\nPROBS_LITE x\nEXCLUDE DC2LSST_y\nPRIOR2 x\n")
        told = self.call("convert-config", "a.pars", "--output", "out.ini")
        text = (self.dir / "out.ini").read_text()
        for line in (PARS + "COLOR yes\nNONSENSE 3\nPROBS_LITE x\nEXCLUDE DC2LSST_y\nPRIOR2 x\n").splitlines():
            self.assertIn(" ".join(line.split("#")[0].split()), text)
        for key in ("COLOR yes", "NONSENSE 3", "PRIOR2 x"):
            self.assertTrue(any("not supported" in line and key in line for line in told.splitlines()), told)
        self.assertEqual(self.options()["bands"], "u,g,r,i,z")

    def test_vega_is_refused_unless_its_magnitudes_are_given(self):
        self.write("a.columns", COLUMNS.replace("mag_err_u_lsst AB", "mag_err_u_lsst Vega"))
        self.write("a.pars", PARS)
        self.refused("a.columns, line 1: DC2LSST_u has magnitudes of Vega", "a.pars")
        self.call("convert-config", "a.pars", "--output", "out.ini", "--vega", "0.9,0,0,0,0,0")
        self.assertAlmostEqual(float(self.options()["bpz.zp_offset"].split(",")[0]), 0.85)
        self.assertAlmostEqual(float(self.options()["bpz.zp_offset"].split(",")[1]), -0.03)

    def test_columns_by_number_are_those_of_the_catalogue(self):
        text = "id mag_g err_g mag_r err_r z\n1 20 0.1 21 0.1 0.3\n"
        self.write("cat.txt", text)
        self.write("n.columns", "DC2LSST_g 2,3 AB 0.01 0\nDC2LSST_r 4,5 AB 0.01 0\nZ_S 6\nM_0 4\n")
        self.refused("n.columns, line 1: column 2 by number", "n.columns", options=["--seds", "."])
        self.write("CWWSB4.list", (self.dir / "some.list").read_text())
        self.call("convert-config", "n.columns", "--output", "out.ini", "--catalogue", "cat.txt")
        options = self.options()
        self.assertEqual((options["bands.magnitude"], options["bands.error"], options["bpz.prior_band"]), ("mag_{band}", "err_{band}", "r"))
        self.assertEqual(options["bpz.zmax"], "10")  # BPZ's default, not skyfold's
        self.write("n.columns", "DC2LSST_g 5,9 AB 0.01 0\nDC2LSST_r 6,10 AB 0.01 0\nM_0 6\nID 1\n")
        with unittest.mock.patch.dict("os.environ", MALLOC_PERTURB_="85"):  # what is freed does not look as before
            self.call("convert-config", "n.columns", "--output", "out.ini", "--catalogue", support.sample("survey.fits"))
        options = self.options()
        self.assertEqual((options["bands.magnitude"], options["bands.error"], options["id"]), ("mag_{band}", "mag_err_{band}", "id"))

    def write_eazy(self, param="", zeropoint="M3 0.1\nF2 1.05\n"):
        self.write("list.param", "".join(f"{i + 1} {name}.sed 1.0 0 1.0 \n" for i, name in enumerate(TEMPLATES)))
        self.write("e.param", "FILTERS_RES FILTER.RES\nTEMPLATES_FILE list.param\nZ_MIN 0.02\nZ_MAX 1.5\nZ_STEP 0.02\nZ_STEP_TYPE 0\n"
                   "TEMPLATE_COMBOS 1\nAPPLY_PRIOR n\nAPPLY_IGM 2\nPRIOR_ABZP 23.9\nSYS_ERR 0.03\n" + param)
        self.write("e.translate", "f_g F2\ne_g E2\nf_r F3\ne_r E3\nf_i F4\ne_i E4\nredshift z_spec\nid id\n")
        self.write("e.zeropoint", zeropoint)
        return "e.param", "e.translate", "e.zeropoint"

    def test_zero_points_of_eazy_become_those_of_the_fluxes(self):
        self.call("convert-config", *self.write_eazy(), "--output", "out.ini")
        options = self.options()
        # mag = zp - 2.5 log10(flux): EAZY multiplies fluxes by 10^(-0.4 M), or by F.
        expected = [23.9 - 2.5 * np.log10(1.05), 23.9 + 0.1, 23.9]
        np.testing.assert_allclose([float(x) for x in options["bands.flux_zeropoint"].split(",")], expected, atol=1e-12)
        self.assertEqual((options["bands"], options["bands.flux"], options["bands.flux_error"]), ("g,r,i", "f_{band}", "e_{band}"))
        self.assertAlmostEqual(10 ** (0.4 * float(options["bpz.zp_error"])) - 1, 0.03)
        with h5py.File(self.dir / "cat.hdf5", "r+") as f:
            for b, factor in (("g", 1.05), ("r", 10**-0.04), ("i", 1.0)):
                f[f"photometry/f_{b}"] = 10 ** (-0.4 * (self.mag[b] - 23.9)) / factor
                f[f"photometry/e_{b}"] = 0.05 * f[f"photometry/f_{b}"][()]
        self.call("train", "--config", "out.ini", "--sample", "cat.hdf5", "--output", "e.h5")
        self.call("photoz", "--catalogue", "cat.hdf5", "--model", "e.h5", "--output", "e.z.hdf5")
        # The same by magnitudes and single filters: numbers of FILTERS_RES are those bands, and the factors have gone.
        with h5py.File(self.dir / "cat.hdf5", "r+") as f:
            for b in "gri":
                # BPZ makes errors of fluxes by 10^(0.4 dm) - 1; those of fluxes it takes as they are.
                f[f"photometry/mag_err_{b}_lsst"][:] = 2.5 * np.log10(1.05)
        self.call("train", "--sample", "cat.hdf5", "--output", "m.h5", "--algorithms", "bpz", "--train.fraction", "1", "--bands", "g,r,i",
                         "--bpz.templates", "some.list", "--bpz.filters", "DC2LSST_{band}.res", "--bpz.zmin", "0.02", "--bpz.zmax", "1.5",
                         "--bpz.dz", "0.02", "--bpz.interpolate", "0", "--bpz.prior", "none", "--bpz.igm", "madau", "--bpz.zp_error",
                         options["bpz.zp_error"])
        self.call("photoz", "--catalogue", "cat.hdf5", "--model", "m.h5", "--output", "m.z.hdf5")
        with h5py.File(self.dir / "e.z.hdf5") as e, h5py.File(self.dir / "m.z.hdf5") as m:
            np.testing.assert_allclose(e["object/z_phot"][:], m["object/z_phot"][:], atol=1e-9)
            np.testing.assert_allclose(e["object/chi2"][:], m["object/chi2"][:], rtol=1e-3)
        self.assertGreater(len(np.unique(self.mag["g"])), 1)

    def write_lephare(self, extra=""):
        """A LePhare configuration with what its programs read, of four filters, four galaxies with dust, one quasar and one star."""
        self.write("gal.list", "".join(f"{name}.sed\n" for name in TEMPLATES))
        self.write("qso.list", "Im.sed\n")
        self.write("star.list", "El.sed\n")
        para = PARA + extra
        self.write("l.para", para)
        return [line for line in para.splitlines() if line and not line.startswith("#")]

    def test_every_key_of_lephare_is_mapped_or_named_with_its_reason(self):
        keys = self.write_lephare("MAG_ABS_QSO -30,-20\nZGRID_TYPE 1\nNONSENSE 3\nADD_DUSTEM YES\n")
        told = self.call("convert-config", "l.para", "--output", "out.ini", "--bands", "g,r,i,z")
        text = (self.dir / "out.ini").read_text()
        for line in keys:
            self.assertIn(" ".join(line.split("#")[0].split()), text)
        not_supported = [line for line in told.splitlines() if "not supported" in line]
        for key in ("MAG_ABS_QSO -30,-20", "ZGRID_TYPE 1", "NONSENSE 3", "ADD_DUSTEM YES"):
            self.assertEqual(sum(key in line for line in not_supported), 1, told)
        self.assertIn(" 4 not supported", told)

    def test_a_converted_lephare_configuration_gives_the_model_of_options_by_hand(self):
        self.write_lephare()
        told = self.call("convert-config", "l.para", "--output", "out.ini", "--bands", "g,r,i,z")
        self.assertIn(" 0 not supported", told)
        found = ("--redshift", "redshift", "--id", "id")
        bands = ("--bands.magnitude", "mag_{band}_lsst", "--bands.error", "mag_err_{band}_lsst", "--bands.limits", "28,28,27,27")
        converted = self.model_of_lephare("--config", "out.ini", *bands, *found)
        by_hand = self.model_of_lephare(
            "--algorithms", "lephare", "--train.fraction", "1", "--bands", "g,r,i,z", *bands, *found, "--lephare.templates", "gal.list",
            "--lephare.qso", "qso.list", "--lephare.stars", "star.list", "--lephare.filters",
            "DC2LSST_g.res,DC2LSST_r.res,DC2LSST_i.res:energy,DC2LSST_z.res", "--lephare.dz", "0.05", "--lephare.zmin", "0", "--lephare.zmax",
            "1.5", "--lephare.igm", "madau", "--lephare.ebv", "0.1,0.3", "--lephare.dust", "smc,calzetti", "--lephare.dust_templates",
            "2,3,4,4", "--lephare.lines", "empirical", "--lephare.line_factors", "0.5,1", "--lephare.prior", "vvds", "--lephare.prior_band", "i,z", "--lephare.absolute_from", "fixed", "--lephare.absolute_reference", "i",
            "--lephare.err_scale", "0.02,0.02,0.03,0.04", "--lephare.err_factor", "1.5", "--lephare.template_error", "0", "--lephare.absolute_limits=-24,-8",
            "--lephare.absolute_band", "r", "--lephare.zp_offset=-0.01,0.02,0,-0.03", "--lephare.pdf", "min", "--lephare.hubble", "67",
            "--lephare.omega_matter", "0.32", "--lephare.omega_lambda", "0.68")
        self.assertGreater(len(by_hand), 4)
        self.assertEqual(converted, by_hand)

    def model_of_lephare(self, *arguments):
        """Tables of the model, and what they make of the objects: options that are in no table have their effect there."""
        self.call("train", "--sample", "cat.hdf5", "--output", "m.h5", *arguments)
        self.call("photoz", "--catalogue", "cat.hdf5", "--model", "m.h5", "--output", "m.z.hdf5")
        found = {}
        for path in ("m.h5", "m.z.hdf5"):
            with h5py.File(self.dir / path) as f:
                f.visititems(lambda name, item: found.update({path + name: item[()].tobytes()}) if isinstance(item, h5py.Dataset) else None)
        return found

    def test_filters_of_energies_are_as_those_of_photons_divided_by_the_wavelength(self):
        wave, through = np.loadtxt(self.dir / "DC2LSST_g.res").T
        fine = np.linspace(wave[0], wave[-1], 4000)
        np.savetxt(self.dir / "photons.res", np.c_[fine, np.interp(fine, wave, through) / fine])
        fluxes = []
        for name in ("DC2LSST_g.res:energy", "photons.res"):
            self.call("train", "--sample", "cat.hdf5", "--output", "m.h5", "--algorithms", "bpz", "--train.fraction", "1", "--bands", "g,r",
                             "--bpz.templates", "some.list", "--bpz.filters", f"{name},DC2LSST_r.res", "--bpz.prior", "none", "--bpz.zmax", "1")
            with h5py.File(self.dir / "m.h5") as f:
                found = []
                f.visititems(lambda path, item: found.append(item[()]) if path.endswith("fluxes/flux") else None)
                fluxes.append(found[0])
        ratio = fluxes[0] / fluxes[1]
        np.testing.assert_allclose(ratio, 1.0, atol=2e-5)

    def test_bad_files_are_refused_with_one_line(self):
        for name, text, message, code in [
                ("a.pars", PARS + "DZ 0.1\n", "a.pars, line 11: DZ stands in line 4, too", 3),
                ("a.pars", PARS.replace("0.02", "abc", 1), "DZ abc (value 1 must be a number)", 3),
                ("a.pars", PARS.replace("some.list", "other.list"), "no file other.list in", 2),
                ("a.pars", PARS.replace("INTERP 1", "INTERP 99"), "interpolate", 2),
                ("a.pars", PARS.replace("MADAU no", "MADAU maybe"), "MADAU maybe (must be yes or no)", 3),
                ("a.pars", PARS + "EXCLUDE xyz\n", "a.columns has no filter xyz", 3),
                ("a.pars", PARS + "ZP_OFFSETS 0.1,0.2\n", "2 values for the 6 filters", 3),
                ("a.pars", PARS + "NTYPES 1,1,1\n", "there are 4 templates", 3),
                ("a.pars", "VERBOSE\n", "VERBOSE has no value", 3),
                ("a.pars", "# nothing\n", "no keys", 3),
                ("a.columns", COLUMNS.replace("AB 0.01", "ST 0.01"), "magnitudes of 'ST' (AB or Vega)", 3),
                ("a.columns", COLUMNS.replace("mag_err_r_lsst", "mag_err_g_lsst"), "whose error is which", 3),
                ("a.columns", COLUMNS + COLUMNS.splitlines()[0] + "\n", "DC2LSST_u stands there twice", 3),
                ("a.columns", "DC2LSST_g a,b AB 0.01 0\n", "not one name with the band in it", 3),
                ("a.columns", COLUMNS.replace("AB 0.01", "AB -0.01"), "zero point's error -0.01 (must be >= 0)", 3),
                ("a.columns", COLUMNS.replace("AB 0.01", "AB 0.01 0.2"), "7 words (a filter has its name", 3),
                ("a.columns", COLUMNS.replace("DC2LSST_g", "nothing"), "no file nothing.res", 2)]:
            with self.subTest(message=message):
                self.write("a.columns", COLUMNS)
                self.write("a.pars", PARS)
                self.write(name, text)
                self.refused(message, "a.pars", code=code)
        for change, message, code in [
                (dict(zeropoint="M3\n"), "F or M with the number of a filter", 3),
                (dict(zeropoint="F3 -1\n"), "factor -1 (must be > 0)", 3),
                (dict(zeropoint="M3 0.1\nF3 1.1\n"), "filter 3 has two shifts", 3),
                (dict(param="GET_ZP_OFFSETS n\n"), "EAZY would not read e.zeropoint", 2),
                (dict(param="APPLY_IGM perhaps\n"), "APPLY_IGM stands in line 9, too", 3)]:
            with self.subTest(message=message):
                self.refused(message, *self.write_eazy(**change), code=code)
        self.refused("EAZY's .translate file is needed", "e.param")
        self.refused("of what program?", "some.list")
        self.refused("files of several programs", "e.param", "a.pars")


if __name__ == "__main__":
    support.main()
