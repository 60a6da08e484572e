"""The command validate from outside: the same bytes for every layout, models against products, limits, what is wrong with an input."""
import html
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support
from support import make_csv, make_hdf5, read_bytes, read_group


class ValidateCommand(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.spec = str(cls.base / "survey.h5"), str(cls.base / "survey.spec.h5")
        cls.model, cls.held = str(cls.base / "m.h5"), str(cls.base / "held.h5")
        cls.skyfold("mock", "--objects", 8000, "--seed", 5, "--spectroscopic", 0.45, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.spec, "--output", cls.model, "--train.fraction", 0.5, "--train.validation", cls.held,
                    "--dnf.neighbours", 40)
        cls.ids = read_group(cls.held)["id"]
        rng = np.random.default_rng(1)
        z = rng.uniform(0.1, 1.2, 500)
        cls.small = {"id": np.arange(500), "z_spec": z}
        cls.guess = {"id": np.arange(500)[::-1], "z_phot": (z + rng.normal(0, 0.05, 500))[::-1], "z_err": np.full(500, 0.05)}

    def validate(self, *words, name="v", code=0, **options):
        result = self.run_skyfold("validate", "--output", self.path(name + ".h5"), "--json", self.path(name + ".json"), *words, **options)
        if code is not None:
            self.assertEqual(result.code, code, result)
        return result

    def json(self, name="v"):
        return json.loads(pathlib.Path(self.path(name + ".json")).read_text())

    def tables(self, sample=None, guess=None, suffix=""):
        return ("--sample", make_hdf5(self.path(f"s{suffix}.h5"), sample or self.small, group="object"),
                "--estimates", make_hdf5(self.path(f"z{suffix}.h5"), guess or self.guess, group="object"))

    def fails(self, code, message, *words):
        result = self.run_skyfold("validate", "--output", self.path("x.h5"), *words)
        self.assertEqual(result.code, code, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertRegex(result.errors()[0], message)
        self.assertFalse(os.path.exists(self.path("x.h5")))
        self.assertFalse(os.path.exists(self.path("x.h5.run/products/x.h5")))


class Identity(ValidateCommand):
    def test_products_have_the_same_bytes_for_any_ranks_and_threads(self):
        words = ("--sample", self.held, "--models", self.model, "--bootstrap.realisations", 30)
        self.validate(*words, "--threads", 1)
        whole = [read_bytes(self.path("v" + end)) for end in (".h5", ".json")]
        for ranks, threads in ((1, 2), (2, 1), (3, 2), (4, 1)):
            with self.subTest(ranks=ranks, threads=threads):
                self.validate(*words, "--threads", threads, name="w", ranks=ranks)
                self.assertEqual([read_bytes(self.path("w" + end)) for end in (".h5", ".json")], whole)

    def test_estimates_are_joined_the_same_way_on_any_ranks(self):
        words = (*self.tables(), "--bootstrap.realisations", 7)
        self.validate(*words)
        self.validate(*words, name="w", ranks=3)
        self.assertEqual(read_bytes(self.path("v.h5")), read_bytes(self.path("w.h5")))

    def test_a_model_and_its_product_give_the_same_metrics(self):
        held = self.path("held.catalogue.h5")
        self.skyfold("import", "--input", self.held, "--output", held, "--ordering", "none")
        grid = ("--pdf", "interp", "--pdf.zmax", 2, "--pdf.bins", 301)
        self.skyfold("photoz", "--catalogue", held, "--model", self.model, "--output", self.path("z.h5"), *grid)
        self.validate("--sample", self.held, "--models", self.model, "--estimates", self.path("z.h5"), *grid)
        by_model, by_product = self.json()["models"]
        for what in ("metrics", "pit", "objects", "no_pdf", "off_grid"):
            self.assertEqual(by_model[what], by_product[what], what)

    def test_a_run_that_was_killed_goes_on(self):
        words = ["validate", "--models", self.model, "--sample", self.held, "--bootstrap.realisations", 2000]
        self.skyfold(*words, "--output", self.path("k.h5"))
        for number, (unit, ranks, after) in enumerate(((0, 0, 3), (1, 2, 0), (3, 3, 2))):
            with self.subTest(unit=unit):
                output = self.path(f"l{number}.h5")
                slow = ("--farm.fault", f"sleep=0.2@0,kill@{unit}:1")   # the first pass has one unit, the bootstrap several
                self.assertNotEqual(self.run_skyfold(*words, "--output", output, *slow, ranks=ranks).code, 0)
                self.assertFalse(os.path.exists(output))
                self.skyfold("status", output)
                result = self.run_skyfold(*words, "--output", output, ranks=after)
                self.assertEqual(result.code, 0, result)
                self.assertEqual(read_bytes(output), read_bytes(self.path("k.h5")))
                self.assertFalse(os.path.exists(output + ".run/parts"))

    def test_a_stop_signal_stops_it_and_the_same_command_goes_on(self):
        words = ["validate", "--sample", self.held, "--models", self.model, "--bootstrap.realisations", 2000]
        process = subprocess.Popen([support._binary[0], *map(str, words), "--output", self.path("t.h5"), "--farm.fault", "sleep=0.3@*"],
                                   env=support.environment(self.base), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        bootstrap = pathlib.Path(self.path("t.h5.run/parts/bootstrap 0"))
        while not (bootstrap.exists() and list(bootstrap.glob("segment.*"))) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75)
        self.assertFalse(os.path.exists(self.path("t.h5")))
        result = self.run_skyfold(*words, "--output", self.path("t.h5"))
        self.assertIn("going on from an earlier attempt", result.err)
        self.skyfold(*words, "--output", self.path("u.h5"))
        self.assertEqual(read_bytes(self.path("t.h5")), read_bytes(self.path("u.h5")))

    def test_a_finished_run_is_not_done_again_but_tells_its_verdict(self):
        words = ["--sample", self.held, "--models", self.model, "--bootstrap.realisations", 5, "--limits.sigma68", 1e-6]
        self.validate(*words)
        before = os.stat(self.path("v.h5")).st_mtime_ns
        self.assertIn("nothing to do", self.validate(*words, "--vet", code=5).err)
        self.assertIn("nothing to do", self.validate(*words, "--vet", code=5, ranks=2).err)
        self.assertIn("nothing to do", self.validate(*words).err)
        self.assertEqual(os.stat(self.path("v.h5")).st_mtime_ns, before)
        self.validate(*words, "--fresh")
        self.assertNotEqual(os.stat(self.path("v.h5")).st_mtime_ns, before)

    def test_after_an_error_of_the_data_another_option_may_be_given(self):
        few = {name: values[5:] for name, values in self.guess.items()}
        words = self.tables(guess=few)
        self.fails(3, "no row for", *words)
        self.assertEqual(self.run_skyfold("validate", "--output", self.path("x.h5"), *words, "--on-missing", "count").code, 0)


class Content(ValidateCommand):
    def test_the_product_holds_what_docs_describe(self):
        self.validate("--sample", self.held, "--models", self.model, "--bootstrap.realisations", 20)
        with h5py.File(self.path("v.h5")) as file:
            self.assertEqual(file.attrs["product_class"], "photoz_validation")
            self.assertEqual(sorted(file), ["bins", "limits", "metrics", "objects", "pit"])
            self.assertEqual([text.decode() for text in file["metrics/subset"]], ["all", "culled"])
            model = self.json()["models"][0]
            for row, subset in enumerate(("all", "culled")):
                for metric in ("sigma68", "nmad", "cde_loss", "pit_ad"):
                    self.assertEqual(file[f"metrics/{metric}"][row], model["metrics"][subset][metric]["value"])
                    self.assertEqual(file[f"metrics/{metric}_err"][row], model["metrics"][subset][metric]["error"])
            objects = file["objects"]
            np.testing.assert_array_equal(objects["id"], self.ids)
            dz = objects["z_phot"][:] - objects["z_spec"][:]
            self.assertAlmostEqual(file["metrics/mean_bias"][0], dz.mean(), places=12)
            self.assertAlmostEqual(file["metrics/cde_loss"][0], objects["cde"][:].mean(), places=10)
            for by in (b"z_phot", b"z_err", b"magnitude"):
                chosen = (file["bins/by"][:] == by) & (file["bins/subset"][:] == b"all")
                self.assertEqual(file["bins/objects"][:][chosen].sum(), len(self.ids))

    def test_two_models_stand_side_by_side(self):
        other = self.path("m.h5")
        self.skyfold("train", "--sample", self.spec, "--output", other, "--train.fraction", 0.5, "--dnf.neighbours", 15, "--dnf.metric", "enf")
        out = self.validate("--sample", self.held, "--models", f"{self.model},{other}", "--bootstrap.realisations", 5).out
        self.assertRegex(out, r"(?m)^model +m +m +m-2 +m-2$")
        self.assertEqual([model["name"] for model in self.json()["models"]], ["m", "m-2"])
        with h5py.File(other) as file:
            calibration = file.attrs["record.calibration"]
        self.assertIn("m: calibration by train: none\n", out)
        self.assertIn(f"m-2: calibration by train: {calibration}\n", out)
        self.assertRegex(calibration, "PIT KS .* -> ")
        self.assertIn(calibration, html.unescape(pathlib.Path(self.path("v.html")).read_text()))
        self.assertEqual(read_group(self.path("v.h5"), "/objects")["z_phot"].shape, (len(self.ids), 2))

    def test_all_kinds_of_missing_values_are_counted(self):
        sample = {"id": np.arange(500), "z_spec": self.small["z_spec"].copy(), "weight": np.ones(500), "mag": np.full(500, 20.0)}
        sample["z_spec"][:7] = np.nan
        sample["z_spec"][7:9] = (-9.99, 999)
        sample["z_spec"][21:23] = (0.0, 12.0)
        sample["weight"][9:12] = (0, -1, np.nan)
        guess = {name: values[::-1].copy() for name, values in self.guess.items()}
        guess["z_phot"][12:16] = (np.nan, np.nan, np.inf, np.nan)
        guess["z_err"][16:21] = (np.nan, 0, -1, np.inf, np.nan)
        guess = {name: values[:-6] for name, values in guess.items()}
        words = self.tables(sample, guess)
        self.fails(3, r"z.h5: no row for 6 of 486 objects of the sample, the first with id 494 \(--on-missing count", *words)
        out = self.validate(*words, "--on-missing", "count", "--magnitude", "mag").out
        result = self.json()
        self.assertEqual(result["sample"], {"objects": 500, "no_z_spec": 9, "cut": 2, "no_weight": 3, "usable": 486})
        model = result["models"][0]
        counts = {"missing": 6, "failed": 4, "no_error": 5, "objects": 476}
        self.assertEqual({key: model[key] for key in counts}, counts)
        for line in (r" 9 without a known redshift", r" 3 without a positive weight in weight", r"z: 6 of 486 objects \(1.23 %\) not in the table",
                     r"z: 4 of 486 objects \(0.82 %\) without z_phot \(failed\)", r"z: 5 of 486 objects \(1.03 %\) without z_err"):
            self.assertRegex(out, line)
        self.assertIsNone(model["metrics"]["all"]["pit_ks"]["value"])

    def test_objects_that_trained_the_model_are_pointed_out(self):
        result = self.validate("--sample", self.spec, "--models", self.model, "--bootstrap.realisations", 2)
        self.assertRegex(result.err, r"objects of the sample trained this model")
        trained = self.json()["models"][0]["in_training"]
        sample = self.json()["sample"]
        self.assertEqual(trained, sample["usable"] - len(self.ids))
        self.assertEqual(sample["cut"], np.sum(read_group(self.spec)["z_spec"] < 0.001))
        self.assertRegex(result.out, rf" {sample['cut']} with a redshift outside 0.001 to 10 \(cuts\)")

    def test_another_seed_changes_errors_alone(self):
        words = self.tables()
        self.validate(*words)
        self.validate(*words, "--seed", 2, name="w")
        a, b = (self.json(name)["models"][0]["metrics"]["all"]["sigma"] for name in "vw")
        self.assertEqual(a["value"], b["value"])
        self.assertNotEqual(a["error"], b["error"])


class Limits(ValidateCommand):
    def test_defaults_are_those_of_the_dark_energy_survey(self):
        self.validate(*self.tables())
        limits = {limit["metric"]: limit["limit"] for limit in self.json()["limits"]}
        self.assertEqual(limits, {"sigma68": 0.12, "out_2sigma": 0.1, "out_3sigma": 0.015})
        self.assertEqual({limit["subset"] for limit in self.json()["limits"]}, {"culled"})
        self.assertTrue(self.json()["pass"])

    def test_vetting_fails_a_model_that_misses_a_limit(self):
        words = (*self.tables(), "--limits.sigma68", 0.01, "--limits.odds", 0.5)
        result = self.validate(*words)
        self.assertRegex(result.out, r"z \(culled\): sigma68 = 0.0\d+ misses its limit 0.01\n")
        self.assertRegex(result.out, r"z \(culled\): odds = nan misses its limit 0.5")
        self.validate(*words, "--vet", code=5)
        self.assertTrue(os.path.exists(self.path("v.h5")))
        self.assertFalse(self.json()["pass"])
        self.assertEqual(self.validate(*words, "--vet", code=5, ranks=2).code, 5)

    def test_a_limit_missed_by_less_than_its_error_is_called_that(self):
        words = (*self.tables(), "--limits.subset", "both")
        self.validate(*words)
        metrics = self.json()["models"][0]["metrics"]["all"]
        for name in ("sigma68", "out_2sigma"):
            value, error = metrics[name]["value"], metrics[name]["error"]
            for limit, passes, within in [(value + 0.1 * error, True, False), (value - 0.9 * error, False, True), (value - 1.1 * error, False, False)]:
                with self.subTest(name, limit=limit):
                    result = self.validate(*words, f"--limits.{name}", repr(limit), "--vet", code=None)
                    judged = next(j for j in self.json()["limits"] if j["metric"] == name and j["subset"] == "all")
                    self.assertEqual((judged["pass"], judged["within_error"], judged["error"]), (passes, within, error))
                    self.assertEqual(result.code == 5, not self.json()["pass"])
                    said = [line for line in result.out.splitlines() if line.startswith(f"z (all): {name}")]
                    self.assertEqual([" by less than its error" in line for line in said], [] if passes else [within])
                    table = read_group(self.path("v.h5"), "/limits")
                    at = (table["metric"] == name.encode()) & (table["subset"] == b"all")
                    self.assertEqual(table["within_error"][at].tolist(), [int(within)])

    def test_limits_can_be_for_other_subsets_or_none(self):
        words = self.tables()
        self.validate(*words, "--limits.subset", "both")
        self.assertEqual([limit["subset"] for limit in self.json()["limits"]], ["all"] * 3 + ["culled"] * 3)
        self.validate(*words, "--vet", "--limits.sigma68=", "--limits.out_2sigma=", "--limits.out_3sigma=")
        self.assertEqual(self.json()["limits"], [])


class Names(ValidateCommand):
    def bands(self, pattern="m_{}", **others):
        rng = np.random.default_rng(2)
        return dict(self.small, **{pattern.format(band): rng.uniform(18, 24, 500) for band in "griz"}, **others)

    def test_a_pattern_of_magnitudes_names_the_bins(self):
        self.validate(*self.tables(sample=self.bands()), "--bands.magnitude", "m_{band}")
        with h5py.File(self.path("v.h5")) as file:
            self.assertEqual(file.attrs["magnitude"], "m_i")
            self.assertIn(b"magnitude", file["bins/by"][:])

    def test_a_pattern_that_fits_no_column_is_an_error(self):
        words = self.tables(sample=self.bands())
        self.fails(2, r"s.h5: no column is called as --bands.magnitude = nonsense_\{band\} says", *words, "--bands.magnitude", "nonsense_{band}")
        self.fails(2, r"s.h5: no known names of magnitude columns", *words, "--bands.error", "nonsense_{band}")
        self.fails(2, r"no column 'nonsense_g'", *words, "--bands.magnitude", "m_{band}", "--bands.error", "nonsense_{band}")
        self.fails(2, r"no column 'nonsense_g'", "--sample", self.held, "--models", self.model, "--bands.magnitude", "nonsense_{band}")

    def test_a_band_is_not_taken_for_the_redshift(self):
        columns = self.bands("{}")
        del columns["z_spec"]
        self.fails(2, r"s.h5: column z may be the redshift or the magnitude of band z", *self.tables(sample=columns))
        columns["z"] = self.small["z_spec"]
        columns.update({f"e{band}": np.full(500, 0.1) for band in "gri"})   # no error of z: the bands are g, r and i
        self.validate(*self.tables(sample=columns))
        self.assertEqual(self.json()["sample"]["usable"], 500)

    def test_ids_of_estimates_may_be_whole_real_numbers(self):
        sample, estimates = self.tables()[1::2]
        self.validate("--sample", sample, "--estimates", estimates, name="a")
        real = make_csv(self.path("real.csv"), dict(self.guess, id=np.asarray(self.guess["id"], "f8")))
        self.validate("--sample", sample, "--estimates", real, name="b")
        self.assertEqual(self.json("b")["models"][0]["metrics"], self.json("a")["models"][0]["metrics"])
        halves = make_csv(self.path("halves.csv"), dict(self.guess, id=np.asarray(self.guess["id"]) + 0.5))
        self.fails(3, r"halves.csv, row 1, column id: \S+\.5 is not a whole number", "--sample", sample, "--estimates", halves)

    def test_ids_tell_objects_apart(self):
        same = dict(self.bands(), id=np.full(500, 7))
        self.fails(3, r"s.h5, column id: ids are not unique: 499 of 500 rows have the id of another object, such as row 2 that of row 1, 7",
                   *self.tables(sample=same), "--bands.magnitude", "m_{band}")
        self.fails(3, r"ids are not unique", *self.tables(sample={name: same[name] for name in ("id", "z_spec")}))
        twice = {name: np.append(values, values[3]) for name, values in self.bands().items()}
        result = self.validate(*self.tables(sample=twice), "--bands.magnitude", "m_{band}")
        self.assertIn("1 row repeats an object that was there before, such as row 501 that of row 4, id 3", result.err)


class BadInput(ValidateCommand):
    def test_what_cannot_be_measured_is_one_line(self):
        sample, estimates = self.tables()[1::2]
        csv = lambda name, columns: make_csv(self.path(name), columns)
        z = {"id": np.arange(500), "z_phot": np.full(500, np.nan), "z_err": np.full(500, 0.1)}
        nothing = make_hdf5(self.path("nothing.h5"), {"id": np.arange(500), "z_spec": np.full(500, np.nan)}, group="object")
        bad = pathlib.Path(self.path("bad.csv"))
        bad.write_text("id,z_spec\n" + "".join(f"{i},0.5\n" for i in range(20_000)) + "20000,abc\n")
        twice = csv("twice.csv", {"id": np.append(np.arange(500), 7), "z_phot": np.full(501, 0.5), "z_err": np.full(501, 0.1)})
        others = csv("others.csv", {"id": np.arange(1000, 1500), "z_phot": np.full(500, 0.5), "z_err": np.full(500, 0.1)})
        empty = make_hdf5(self.path("empty.h5"), {name: column[:0] for name, column in self.guess.items()}, group="object")
        empty_text = csv("empty.csv", {name: column[:0] for name, column in self.guess.items()})
        cases = {
            "nothing to do": (2, r"neither --models nor --estimates", "--sample", sample),
            "no sample": (2, r"--sample is missing", "--estimates", estimates),
            "no such file": (4, r"none.h5: no such file", "--sample", "none.h5", "--estimates", estimates),
            "no redshift": (2, r"no column of redshifts found", "--sample", csv("a.csv", {"id": np.arange(5)}), "--estimates", estimates),
            "wrong redshift": (2, r"no column 'zz' \(named by --redshift\)", "--sample", sample, "--estimates", estimates, "--redshift", "zz"),
            "no id": (2, r"no column of ids found, which --estimates are joined by", "--sample", csv("b.csv", {"z_spec": np.arange(1.0, 5)}),
                      "--estimates", estimates),
            "all NaN": (3, r"none of 500 objects has a known redshift in column z_spec", "--sample", nothing, "--estimates", estimates),
            "bad cell": (3, r"bad.csv, row 20001, column z_spec: 'abc' is not a number", "--sample", bad, "--estimates", estimates),
            "failed": (3, r"c.csv: no estimate for any of 500 objects .*\(0 missing, 500 failed\)", "--sample", sample,
                       "--estimates", csv("c.csv", z)),
            "other ids": (3, r"others.csv: no estimate for any of 500 objects .*\(500 missing, 0 failed\)", "--sample", sample,
                          "--estimates", others),
            "no rows": (3, r"empty.h5: no rows$", "--sample", sample, "--estimates", empty),
            "no rows of text": (3, r"empty.csv: no rows$", "--sample", sample, "--estimates", empty_text),
            "twice": (3, r"twice.csv: the id 7 of the sample occurs twice", "--sample", sample, "--estimates", twice),
            "no z_err": (2, r"d.csv: no column 'z_err' \(name it with --estimates.z_err\)", "--sample", sample,
                         "--estimates", csv("d.csv", {"id": [1], "z_phot": [1.5]})),
            "sample as model": (3, r"not a photo-z model", "--sample", sample, "--models", sample),
            "model as sample": (3, r"m.h5", "--sample", self.model, "--estimates", estimates),
            "no bands": (3, r"no columns for bands", "--sample", sample, "--models", self.model),
            "two limits": (2, r"--limits.sigma68: 2 values", "--sample", sample, "--estimates", estimates, "--limits.sigma68", "1,2"),
            "limit not a number": (2, r"limits.sigma68 = nan \(must be a finite number\)", "--sample", sample, "--estimates", estimates,
                                   "--limits.sigma68", "nan"),
            "limit infinite": (2, r"limits.odds = -inf \(must be a finite number\)", "--sample", sample, "--estimates", estimates, "--limits.odds=-inf"),
        }
        for name, (code, message, *words) in cases.items():
            with self.subTest(name):
                self.fails(code, message, *words)

    def test_pdfs_of_another_product_are_refused(self):
        sample, estimates = self.tables()[1::2]
        for pdfs, message in (({"yvals": np.ones((499, 3), "f4")}, r"z.pdf.hdf5: 499 PDFs for 500 rows"),
                              ({"yvals": np.ones((500, 4), "f4")}, r"xvals has 3 values .the PDFs have 4"),
                              ({"values": np.ones((500, 3))}, r"no PDFs in a layout that is known")):
            with h5py.File(self.path("z.pdf.hdf5"), "w") as file:
                for name, values in pdfs.items():
                    file[f"data/{name}"] = values
                file["meta/xvals"] = np.array([[0.0, 1.0, 2.0]])
            self.fails(3, message, "--sample", sample, "--estimates", estimates)
        # Earlier versions called the file otherwise.
        os.rename(self.path("z.pdf.hdf5"), self.path("z.pdf.h5"))
        self.fails(3, r"z.pdf.h5: .*no PDFs in a layout that is known", "--sample", sample, "--estimates", estimates)
        self.validate("--sample", sample, "--estimates", estimates, "--pdf", "none")

    def test_an_input_is_not_overwritten(self):
        sample, estimates = self.tables()[1::2]
        before = read_bytes(estimates)
        result = self.run_skyfold("validate", "--sample", sample, "--estimates", estimates, "--output", estimates)
        self.assertEqual(result.code, 2, result)
        self.assertEqual(read_bytes(estimates), before)


class FullDisk(ValidateCommand):
    def test_a_full_disk_is_one_line_and_code_4_on_any_ranks(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        count = 20_000  # 1.1 MB of metrics and objects
        z = np.linspace(0.1, 1.2, count)
        words = self.tables({"id": np.arange(count), "z_spec": z}, {"id": np.arange(count), "z_phot": z + 0.01, "z_err": np.full(count, 0.05)})
        for size, ranks in ((100, 0), (100, 3), (300, 1), (500, 0), (500, 3)):
            disk = self.folder / f"disk{size}.{ranks}"
            disk.mkdir()
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)], capture_output=True)
            if mounted.returncode != 0:
                self.skipTest("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
            self.addCleanup(subprocess.run, ["umount", str(disk)])
            with self.subTest(size=size, ranks=ranks):
                result = self.run_skyfold("validate", *words, "--output", disk / "v.h5", "--bootstrap.realisations", 0, ranks=ranks)
                self.assertEqual(result.code, 4, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn("No space left on device", result.errors()[0])
                self.assertNotIn("Segmentation", result.err)
                self.assertFalse((disk / "v.h5").exists())


class Registry(ValidateCommand):
    def test_a_replay_leaves_both_products_alone_and_makes_the_same(self):
        project = self.path("project")
        os.mkdir(project)
        words = ("--project", project, "--output", os.path.join(project, "v.h5"), "--json", os.path.join(project, "v.json"))
        self.skyfold("validate", *self.tables(), *words)
        before = {name: (os.stat(os.path.join(project, name)).st_ino, read_bytes(os.path.join(project, name))) for name in ("v.h5", "v.json")}
        out = self.skyfold("products", "replay", os.path.join(project, "v.h5"), "--project", project).out
        for name, state in before.items():
            self.assertRegex(out, rf"(?m)^same +\S*{name} ")
            self.assertEqual((os.stat(os.path.join(project, name)).st_ino, read_bytes(os.path.join(project, name))), state)

    def test_a_run_that_fails_says_what_it_read(self):
        project = self.path("project")
        os.mkdir(project)
        sample, estimates = self.tables()[1::2]
        words = ("validate", "--project", project, "--output", os.path.join(project, "v.h5"), "--sample", sample, "--estimates", estimates)
        self.skyfold(*words)
        self.assertEqual(self.run_skyfold(*words[:3], "--output", os.path.join(project, "w.h5"), *words[5:], "--redshift", "zz").code, 2)
        with sqlite3.connect(pathlib.Path(project) / "skyfold.db") as base:
            states = [row[0] for row in base.execute("select exit_code from process order by id")]
        self.assertEqual(states, [0, 2])


if __name__ == "__main__":
    support.main()
