"""RAIL's catalogue tags as --survey: what they say goes where options would put it, and what is wrong with a file is told by its line."""
import json
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

QUIET = ("--product-log", "none", "--project", "none", "--train.fraction", "0.7", "--threads", "1")

# As rail_base has its own (src/rail/examples_data/catalog_data/default_catalogs.yaml).
TAGS = """# Information about filter bands
Bands:
  - Band:
      name: my_g
      a_env: 3.64
  - Band: {name: my_r, a_env: 2.70}
  - Band: {name: my_i, a_env: 2.06}
  - Band: {name: other_z, a_env: 1.58}
CatalogTags:
  - CatalogTag:
      name: "mine"
      mag_column_template: "mag_{band}"
      mag_err_column_template: "mag_err_{band}"
      filter_template: "my_{band}"
      redshift_col: "z_spec"
      nondetect_val: 99.
      nonobserved_val: -99
      band_list: ['g', 'r', 'i', 'z']
      bands:
        g:
          mag_limit: 24.5
        r: {mag_limit: 24.1}
        i: {mag_limit: 23.4}
        z:
          filter: other_z
          mag_column_name: mag_z
          mag_limit: 22.6
          zp_error: 0.02
  - CatalogTag:
      name: "three"
      mag_column_template: "mag_{band}"
      mag_err_column_template: "mag_err_{band}"
      filter_template: "my_{band}"
      band_list: [g, r, i]
"""


class CatalogTags(support.SkyfoldTest):
    def tags(self, text):
        path = self.path("tags.yaml")
        pathlib.Path(path).write_text(text)
        return path

    def train(self, name, *words):
        return self.skyfold("train", "--calibrate", "none", "--sample", support.sample("spec.fits"), "--output", self.path(name), *words, *QUIET)

    def model(self, name):
        """What a model is, without what it was made from."""
        with h5py.File(self.path(name)) as file:
            attributes = {key: value for key, value in file.attrs.items() if "provenance" not in key and "fingerprint" not in key}
            columns = {}
            file.visititems(lambda key, item: columns.__setitem__(key, item[...].tolist()) if isinstance(item, h5py.Dataset) else None)
        return attributes, columns

    def test_say_what_options_would(self):
        path = self.tags(TAGS)
        result = self.train("tag.h5", "--survey", path + ":mine")
        for line in ("tags.yaml, line 15: redshift_col = z_spec is not used", "line 28: bands.z.zp_error = 0.02 is not used (errors are taken as they are)"):
            self.assertIn(line, result.err)
        self.train("options.h5", "--bands", "g,r,i,z", "--bands.magnitude", "mag_{band}", "--bands.error", "mag_err_{band}", "--bands.limits", "24.5,24.1,23.4,22.6",
                   "--bands.nondetection", "99", "--bands.missing", "-99")
        tag, options = self.model("tag.h5"), self.model("options.h5")
        self.assertEqual(tag[1], options[1])
        said = lambda model: {key: str(value) for key, value in model[0].items() if key.startswith(("bands", "limits", "corrections", "nan", "inf"))}
        self.assertGreater(len(said(tag)), 2)
        self.assertEqual(said(tag), said(options))
        # The only tag of a file needs no name; NaN is a non-detection there, and infinity not observed, as RAIL has it.
        result = self.train("three.h5", "--survey", path + ":three")
        with h5py.File(self.path("three.h5")) as file:
            text = str({key: value for key, value in file.attrs.items()})
        self.assertIn("nondetection", text)
        one = self.tags(TAGS[:TAGS.index("  - CatalogTag:\n      name: \"three\"")])
        self.train("one.h5", "--survey", one)
        self.assertEqual(self.model("one.h5")[1], tag[1])

    def test_coefficients_of_filters_take_off_extinction(self):
        sample = self.table("s.h5", ebv=np.linspace(0.01, 0.2, len(support.fits.getdata(support.sample("spec.fits")))))
        words = ("train", "--calibrate", "none", "--sample", sample, "--extinction.column", "ebv", *QUIET)
        result = self.skyfold(*words, "--survey", self.tags(TAGS) + ":mine", "--output", self.path("m.h5"))
        self.assertIn("g 3.64, r 2.7, i 2.06, z 1.58", result.out + result.err)

    def table(self, name, rename=lambda name: name, **more):
        columns = support.fits.getdata(support.sample("spec.fits"))
        rows = {rename(each): np.ascontiguousarray(columns[each].astype(columns[each].dtype.newbyteorder("="))) for each in columns.names if columns[each].dtype.kind in "fi"}
        return support.make_hdf5(self.path(name), {**rows, **more})

    def test_of_validate_name_the_columns_of_the_sample(self):
        self.train("m.h5", "--bands", "g,r,i,z")
        other = self.table("o.h5", lambda name: name.replace("mag_err_", "e_").replace("mag_", "m_"))
        tags = self.tags(TAGS.replace('"mag_{band}"', '"m_{band}"').replace('"mag_err_{band}"', '"e_{band}"').replace("          mag_column_name: mag_z\n", ""))
        words = ("validate", "--models", self.path("m.h5"), "--bootstrap.realisations", "0", *QUIET[:4])
        self.skyfold(*words, "--sample", self.table("s.h5"), "--output", self.path("s.v.h5"), "--json", self.path("s.json"))
        self.skyfold(*words, "--sample", other, "--survey", tags + ":mine", "--output", self.path("o.v.h5"), "--json", self.path("o.json"))
        metrics = [json.loads(pathlib.Path(self.path(name)).read_text())["models"] for name in ("s.json", "o.json")]
        self.assertEqual(metrics[0], metrics[1])
        result = self.run_skyfold(*words[:1], "--sample", other, "--estimates", self.path("s.v.h5"), "--survey", "hsc", "--output", self.path("x.h5"))
        self.assertEqual(result.code, 2, result)
        self.assertIn("--survey has no part in this run", result.err)

    def test_of_import_are_kept_with_the_catalogue_and_choose_its_rows(self):
        primary = np.arange(len(support.fits.getdata(support.sample("spec.fits")))) % 3 != 0
        table = self.table("s.h5", detect_isPrimary=primary.astype("i4"))
        self.skyfold("import", "--input", table, "--survey", self.tags(TAGS) + ":three", "--output", self.path("nan.h5"), *QUIET[:4])
        with h5py.File(self.path("nan.h5")) as file:
            self.assertEqual([file.attrs["corrections.nan"], file.attrs["corrections.inf"]], ["nondetection", "missing"])
            self.assertEqual(len(file["object/id"]), len(primary))
        result = self.skyfold("import", "--input", table, "--survey", "rubin-dp1", "--output", self.path("p.h5"), *QUIET[:4])
        self.assertIn("objects with detect_isPrimary == 1, by ", result.err)
        self.assertEqual(len(support.read_group(self.path("p.h5"))["id"]), primary.sum())
        result = self.skyfold("import", "--input", self.table("t.h5"), "--survey", "rubin-dp1", "--output", self.path("t.cat.h5"), *QUIET[:4])
        self.assertIn("is left out: ", result.err)

    def test_what_is_wrong_is_told_by_its_line(self):
        change = lambda old, new: TAGS.replace(old, new, 1)
        cases = {
            "tags.yaml, line 5: a tab indents it (YAML takes blanks alone)": change("      a_env: 3.64", "\ta_env: 3.64"),
            "tags.yaml, line 12: CatalogTag: RAIL knows no key 'mag_colum_template', did you mean 'mag_column_template'?": change("mag_column_template", "mag_colum_template"),
            "tags.yaml, line 21: bands.g: RAIL knows no key 'maglimit', did you mean 'mag_limit'?": change("mag_limit: 24.5", "maglimit: 24.5"),
            "tags.yaml, line 21: mag_limit = faint is not a number": change("24.5", "faint"),
            "tags.yaml, line 26: band z: mag_column_name = zmag is not what the pattern mag_{band} gives": change("mag_column_name: mag_z", "mag_column_name: zmag"),
            "tags.yaml, line 23: bands: 'r' is there twice": change("i: {mag_limit: 23.4}", "r: {mag_limit: 23.4}"),
            "tags.yaml, line 11: CatalogTag mine has no mag_err_column_template": change('      mag_err_column_template: "mag_err_{band}"\n', ""),
            "mag_column_template = mag has no {band}": change('"mag_{band}"', '"mag"'),
            "3 of 4 bands have a mag_limit": change("24.1", "24.1").replace("r: {mag_limit: 24.1}", "r: {}"),
            "band_list is no list of bands": change("['g', 'r', 'i', 'z']", "griz"),
            "is no YAML (": change("['g', 'r', 'i', 'z']", "['g', 'r'"),
            "RAIL knows no 'Catalogues' here (Bands and CatalogTags)": change("CatalogTags:", "Catalogues:"),
            "Band needs name and a_env": change("      a_env: 3.64\n", ""),
            "CatalogTags has an entry without CatalogTag": TAGS + "  - {}\n",
            "has no CatalogTags (a file of RAIL's": "- 1\n",
            "line 1: ": "[" * 100_000,
        }
        for message, text in cases.items():
            with self.subTest(message):
                self.refused(2, message, self.tags(text) + ":mine")
        self.refused(2, "tags.yaml:none: no such catalogue tag (there are: mine, three)", self.tags(TAGS) + ":none")
        self.refused(2, "tags.yaml: has several catalogue tags, name one as FILE.yaml:TAG (there are: mine, three)", self.tags(TAGS))
        self.refused(4, "no such file", self.path("nowhere.yaml"))
        pathlib.Path(self.path("tags.yaml")).write_bytes(bytes(range(256)) * 20)
        self.refused(2, "tags.yaml", self.path("tags.yaml"))

    def refused(self, code, message, survey):
        result = self.run_skyfold("train", "--calibrate", "none", "--sample", support.sample("spec.fits"), "--survey", survey, "--output", self.path("x.h5"), *QUIET)
        self.assertEqual((result.code, len(result.errors())), (code, 1), result)
        self.assertIn(message, result.errors()[0], result)
        self.assertFalse(pathlib.Path(self.path("x.h5")).exists())


if __name__ == "__main__":
    support.main()
