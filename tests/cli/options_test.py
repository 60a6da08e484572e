"""Options: help, configuration files that read back, the command line above the file, lists, where products go."""
import configparser
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import h5py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

COMMANDS = ("import", "info", "plan", "train", "photoz", "locus", "locus parameters", "patch", "mock", "launch", "status", "spec", "match", "validate", "nz", "rehearse", "export", "sky-map", "sql", "schema", "query", "count", "head", "aggregate", "lightcurve",
            "curate transfer", "curate register", "curate run", "curate extract", "curate ingest", "curate status", "curate release", "curate verify",
            "curate previews", "curate suggest", "curate merge", "pipeline check", "pipeline status", "pipeline graph", "pipeline report",
            "pipeline run", "pipeline retry", "pipeline add", "pipeline run-event")
# Values other than the defaults, so that a value that is lost shows.
VALUES = {
    "import": ["--input", "a.fits", "b b.fits", "--output", "c.h5", "--keep", "mag_g,mag_r", "--on-bad-row", "drop", "--memory", "128",
               "--columns.ra", "RA", "--input.hdu", "2", "--ordering", "attribute", "--ordering.column", "mag_r"],
    "nz": ["--pdf", "z.pdf.hdf5", "--bins", "z_mean: 0.1,0.5,1", "--output", "n z.hdf5", "--where", "mag < 22", "--z.width", "0.02", "--join", "id",
           "--catalogue", "c.h5"],
    "info": ["--catalogue", "folder/c.h5", "--json"],
    "export": ["--product", "z.h5", "--format", "hats", "--output", "z hats", "--max-rows", "5000", "--hats.name", "sky", "--hats.collection"],
    "schema": ["--catalogue", "c c.h5", "--json"],
    "sql": ["--tables", "a b.h5,c.h5", "--query", "SELECT a, b FROM c WHERE d = 'x, y' -- #", "--limit-time", "2.5", "--limit-memory", "64"],
    "schema": ["--catalogue", "c c.h5", "--ddl", "postgres"],
    "lightcurve": ["--catalogue", "c c.h5", "--id", "12", "34", "--fold", "0.5", "--output", "a.csv", "--columns", "flag", "--meas.use", "flag == 0"],
    "aggregate": ["--catalogue", "c c.h5", "--output", "a.h5", "--statistics", "mean,rms", "--motion", "false", "--meas.use", "flag == 0",
                  "--meas.sentinels", "99,50", "--period", "shared", "--period.min", "0.2"],
    "sky-map": ["--catalogue", "c c.h5", "--nside", "64", "--stat", "count,mean:mag_g - mag_r as gr", "--output", "m.h5", "--map", "m.fits", "--map.coverage", "full"],
    "plan": ["--catalogue", "c.h5", "--ranks", "7", "--partition.by", "attribute", "--partition.bins", "edges:1,2.5,3e2", "--list"],
    "train": ["--sample", "s.fits", "--output", "m.h5", "--train.fraction", "0.67", "--cuts.mag_max", "24.5,24,23.5", "--cuts.z_min", "-1",
              "--bands", "g,r,i", "--bands.nondetection", "99,37.5", "--bands.limits", "25,24.75,24.1", "--dnf.fit", "false"],
    "photoz": ["--catalogue", "c.h5", "--model", "m.h5", "--output", "z.h5", "--fits", "z.fits", "--partition.by", "healpix",
               "--partition.nside", "64", "--partitions-per-job", "5", "--pdf", "interp", "--pdf.zmax", "1.5"],
    "mock": ["--output", "m.h5", "--objects", "123456", "--spectroscopic", "0.05", "--seed", "9000000000000000", "--mock.clustering", "0.3"],
    "locus": ["--targets", "t.csv", "--catalogue", "c.h5", "--output", "p.h5", "--locus.fov_ra", "12.5", "--bands", "g,r,i"],
    "locus parameters": ["--list", "l.csv", "--root", "r r", "--output", "w/q", "--instances", "5", "--parameters.count_bytes", "4", "--locus.dcol", "0.2"],
    "patch": ["--maps", "a.fits", "b.fits", "--sources", "s.fits", "--output", "o.h5", "--measure", "disc,aperture", "--patch.radius", "12"],
    "launch": ["--attempts", "7"],
    "spec": ["--surveys", "a.ini", "b b.ini", "--output", "s.h5", "--spec.radius", "1.5", "--spec.resolve", "average", "--on-bad-row", "drop"],
    "match": ["--spec", "s.h5", "--catalogue", "c.h5", "--output", "t.h5", "--match.radius", "0.75", "--match.symmetric"],
    "validate": ["--sample", "v.h5", "--models", "a.h5", "b.h5", "--output", "o.h5", "--cull", "0.2", "--limits.sigma68", "0.1", "--vet"],
    "rehearse": ["--from", "z.h5", "--ranks", "3,5", "--partitions-per-job", "auto,7", "--prefetch", "false", "--cost.compute", "12.5", "--survey.seed", "4", "--slots", "3,9", "--price", "0.25"],
    "pipeline status": ["s s.ini", "--failed", "--find", "brick=3, 4", "--lines", "7", "--html", "p.html", "--watch", "2.5"],
    "pipeline graph": ["s s.ini", "--output", "g g.svg"],
    "pipeline report": ["s.ini", "--by", "host", "--csv"],
    "status": ["--output", "z.h5", "--watch", "2.5"],
    "query": ["--catalogue", "c.h5", "--cone", "10.5,-3,0.2\"", "--columns", "id,mag_g - mag_r as gr", "--sample", "2.5", "--limit", "7", "--descending"],
    "count": ["--catalogue", "c.h5", "--where", "mag < 22", "--box", "350,10,-5,5"],
    "head": ["--catalogue", "c.h5", "--rows", "3"],
    "pipeline run": ["p q.ini", "--set", "a.b=c, d", "e.f=2", "--slots", "3", "--launcher", "mpirun --bind-to none", "--until", "x", "--html", "h h.html", "--grace", "2.5"],
    "pipeline retry": ["p.ini", "--slots", "2", "--from", "y"],
    "pipeline add": ["p.ini", "--only", "z", "--targets", "t.csv"],
    "pipeline run-event": ["p.ini", "17", "--set", "a.b=c"],
    "pipeline check": ["p q.ini", "--set", "a.b=c, d", "e.f=2"],
    "curate transfer": ["a b", "c", "--mode", "hardlink"],
    "curate register": ["a b", "--archive", "A", "--database", "postgresql://ada@host/x", "--schema", "s.ini", "--chunk-by", "FILTER"],
    "curate run": ["nights", "--archive", "A b", "--ingest", "after", "--previews", "off", "--plan", "p.txt", "--release"],
    "curate extract": ["--archive", "A", "--wait", "false", "--plan", "p q.txt"],
    "curate ingest": ["--archive", "A", "--watch"],
    "curate status": ["--archive", "A b", "--database", "d.sqlite"],
    "curate release": ["--archive", "A b", "--database", "d.sqlite"],
    "curate verify": ["--archive", "A b", "--database", "d.sqlite"],
    "curate previews": ["nights", "--output", "p q", "--preview.size", "64", "--preview.low", "2.5", "--preview.quality", "90"],
    "curate suggest": ["--archive", "A", "--hosts", "h.txt", "--output", "p.txt"],
    "curate merge": ["--archive", "A b", "--output", "c d.h5", "--merge.radius", "0.75", "--merge.size", "4096", "--merge.filter", "band"],
}


def keys_of(ini):
    """Names of the options of an INI text: section.key, or key."""
    parser = configparser.ConfigParser(delimiters=("=",), comment_prefixes=("#",), interpolation=None, allow_no_value=False)
    parser.optionxform = str
    parser.read_string("[-]\n" + ini)
    return [(f"{section}.{key}" if section != "-" else key, value) for section in parser.sections() for key, value in parser[section].items()]


class Options(support.SkyfoldTest):
    def ini(self, name, text):
        path = self.path(name)
        pathlib.Path(path).write_text(text)
        return path

    def test_help_names_every_option(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.skyfold(*command.split(), "--help").out
                for name, _ in keys_of(self.skyfold(*command.split(), "--print-config").out):
                    self.assertRegex(text, rf"(?m)^  --{name}(?![\w.-]).*\S")
                self.assertEqual([line for line in text.splitlines() if len(line.split()) == 2 and line.startswith("  --")], [],
                                 "options without description")

    def test_help_without_a_command_names_every_command_and_exit_code(self):
        text = self.skyfold("--help").out
        for word in [*COMMANDS, "0 done", "2 command line", "3 content", "4 file", "5 finished", "75 stopped"]:
            self.assertIn(word, text)
        self.assertEqual(self.run_skyfold().code, 2)
        self.assertRegex(self.skyfold("--version").out, r"^skyfold \d+\.\d+\.\d+\n$")

    def test_help_is_printed_once_by_several_ranks(self):
        self.assertEqual(self.skyfold("photoz", "--help", ranks=2).out, self.skyfold("photoz", "--help").out)

    def test_printed_configuration_reads_back(self):
        for command in COMMANDS:
            with self.subTest(command):
                first = self.skyfold(*command.split(), *VALUES[command], "--print-config").out
                again = self.skyfold(*command.split(), "--config", self.ini("c.ini", first), "--print-config").out
                drop = lambda text: [(key, value) for key, value in keys_of(text) if key != "config"]
                self.assertEqual(drop(again), drop(first))

    def test_printed_configuration_holds_options_of_the_run_alone(self):
        for command in COMMANDS:
            with self.subTest(command):
                names = [name for name, _ in keys_of(self.skyfold(*command.split(), "--print-config").out)]
                self.assertEqual([name for name in names if name in ("help", "config", "print-config")], [])

    def test_a_run_from_its_printed_configuration_runs(self):
        words = ["mock", "--objects", 100, "--seed", 2, "--output"]
        printed = self.skyfold(*words, self.path("m.h5"), "--print-config").out
        self.skyfold("mock", "--config", self.ini("c.ini", printed))
        self.assertTrue(os.path.exists(self.path("m.h5")))

    def test_a_printed_configuration_still_lacks_what_is_required(self):
        printed = "".join(line + "\n" for line in self.skyfold("import", "--print-config").out.splitlines()
                          if not line.startswith(("print-config", "help", "config")))
        result = self.run_skyfold("import", "--config", self.ini("c.ini", printed))
        self.assertEqual(result.code, 2, str(result))
        self.assertRegex(result.err, r"--output is missing")

    def test_values_with_signs_of_the_file_format_read_back(self):
        for text in ["a#b.h5", "two words.h5", "a=b.h5", "a;b.h5", "[x].h5", "ü.h5", "'quoted'.h5"]:
            with self.subTest(text):
                first = self.skyfold("info", "--catalogue", text, "--print-config").out
                again = self.skyfold("info", "--config", self.ini("c.ini", first), "--print-config").out
                self.assertEqual([line for line in again.splitlines() if line.startswith("catalogue")],
                                 [line for line in first.splitlines() if line.startswith("catalogue")])

    def test_the_command_line_overrides_the_file(self):
        config = self.ini("c.ini", "catalogue = a.h5\npartitions-per-job = 3\n[partition]\nby = rows\nrows = 50\n")
        for order in (["--config", config, "--partition.rows", "70"], ["--partition.rows=70", "--config", config]):
            values = dict(keys_of(self.skyfold("plan", *order, "--print-config").out))
            self.assertEqual([values[name] for name in ("catalogue", "partitions-per-job", "partition.by", "partition.rows")],
                             ["a.h5", "3", "rows", "70"])

    def test_lists_take_commas_blanks_or_both(self):
        expected = "1.5,2,3"
        for words in (["1.5,2,3"], ["1.5", "2", "3"], ["1.5,2", "3"], ["1.5, 2, 3"]):
            with self.subTest(words):
                printed = self.skyfold("train", "--cuts.mag_max", *words, "--print-config").out
                self.assertEqual(dict(keys_of(printed))["cuts.mag_max"], expected)
        for text in ("1.5,2,3", "1.5, 2, 3", " 1.5 , 2 , 3 "):
            with self.subTest(text):
                printed = self.skyfold("train", "--config", self.ini("c.ini", f"[cuts]\nmag_max = {text}\n"), "--print-config").out
                self.assertEqual(dict(keys_of(printed))["cuts.mag_max"], expected)

    def test_flags_take_a_value_or_none(self):
        for words, value in [([], "false"), (["--json"], "true"), (["--json", "false"], "false"), (["--json=yes"], "true")]:
            printed = self.skyfold("info", *words, "--print-config").out
            self.assertEqual(dict(keys_of(printed))["json"], value)

    def test_configurations_of_the_project(self):
        files = sorted((support.SOURCE / "config").glob("*.ini")) + sorted((support.SOURCE / "config" / "presets").glob("*.ini"))
        for file in files:
            with self.subTest(file.name):
                # A configuration belongs to a command: the first that takes all its keys.
                results = [self.run_skyfold(*command.split(), "--config", file, "--print-config")
                           for command in (*COMMANDS, "convert-config", "templates plot", "pdf convert", "pdf report")]
                self.assertTrue(any(result.code == 0 for result in results), "\n".join(r.err.strip() for r in results))

    def test_config_folder_is_not_empty(self):
        self.assertTrue(list((support.SOURCE / "config").glob("*.ini")))


class Products(support.SkyfoldTest):
    """Where products go, whatever their paths look like."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 2000, "--seed", 5, "--spectroscopic", 0.3, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--sample", cls.base / "survey.spec.h5", "--output", cls.model, "--dnf.neighbours", 20)
        cls.words = ["photoz", "--catalogue", cls.catalogue, "--model", cls.model, "--threads", 1]

    def assert_products(self, hdf5, table):
        with h5py.File(hdf5, "r") as file:
            self.assertIn("z_phot", file["object"])
        self.assertTrue(support.read_bytes(table).startswith(b"SIMPLE  ="))

    def test_paths_without_a_folder(self):
        self.skyfold(*self.words, "--output", "z.h5", "--fits", "z.fits", cwd=self.folder)
        self.assert_products(self.path("z.h5"), self.path("z.fits"))
        self.assertEqual(sorted(os.listdir(self.folder)), ["z.fits", "z.h5", "z.h5.run", "z.html"])
        self.assertEqual(sorted(os.listdir(self.folder / "z.h5.run")), ["config.ini", "files", "journal", "skyfold-run", "state.json", "trace.json"])

    def test_one_name_in_two_folders_is_refused(self):
        for name in ("one", "two"):
            (self.folder / name).mkdir()
        result = self.run_skyfold(*self.words, "--output", self.path("one/z"), "--fits", self.path("two/z"))
        self.assertEqual(result.code, 2, str(result))
        self.assertIn("two products with one file name", result.err)

    def test_products_named_like_the_files_of_a_run(self):
        self.skyfold(*self.words, "--output", self.path("journal"), "--fits", self.path("lock"))
        self.assert_products(self.path("journal"), self.path("lock"))

    def test_products_on_two_file_systems_are_refused_before_any_work(self):
        if not os.access("/dev/shm", os.W_OK) or os.stat("/dev/shm").st_dev == os.stat(self.folder).st_dev:
            self.skipTest("needs a second file system at /dev/shm")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            result = self.run_skyfold(*self.words, "--output", self.path("z.h5"), "--fits", f"{folder}/z.fits")
            self.assertEqual(result.code, 2, str(result))
            self.assertRegex(result.errors()[0], r"different file systems")
            self.assertEqual(os.listdir(folder) + os.listdir(self.folder), [])

    def test_an_older_product_is_replaced(self):
        for name in ("z.h5", "z.fits"):
            pathlib.Path(self.path(name)).write_text("old")
        self.skyfold(*self.words, "--output", self.path("z.h5"), "--fits", self.path("z.fits"))
        self.assert_products(self.path("z.h5"), self.path("z.fits"))

    def test_an_output_that_is_being_written_is_refused(self):
        (self.folder / "z.h5.run").mkdir()
        (self.folder / "z.h5.run" / "skyfold-run").touch()
        began = pathlib.Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
        lock = f"{os.uname().nodename} {os.getpid()} {began}"
        (self.folder / "z.h5.run" / "lock").write_text(lock)
        result = self.run_skyfold(*self.words, "--output", self.path("z.h5"))
        self.assertEqual(result.code, 4, str(result))
        self.assertRegex(result.errors()[0], rf"another run is writing this output.*{os.getpid()}")
        self.assertEqual((self.folder / "z.h5.run" / "lock").read_text(), lock)

    def test_what_a_dead_run_left_is_taken_over(self):
        (self.folder / "z.h5.run" / "products").mkdir(parents=True)
        (self.folder / "z.h5.run" / "skyfold-run").touch()
        (self.folder / "z.h5.run" / "lock").write_text(f"{os.uname().nodename} 4194304 1")  # above the largest process number
        (self.folder / "z.h5.run" / "products" / "z.h5").write_text("half of it")
        self.skyfold(*self.words, "--output", self.path("z.h5"))
        self.assertFalse(os.path.exists(self.path("z.h5.run/products")))
        self.assertFalse(os.path.exists(self.path("z.h5.run/lock")))

    def test_a_full_standard_output_is_an_error(self):
        for words in (["info", "--catalogue", self.catalogue, "--json"], ["photoz", "--help"], ["photoz", "--print-config"]):
            with self.subTest(words[0:2]), open("/dev/full", "w") as full:
                done = subprocess.run([support._binary[0], *words], stdout=full, stderr=subprocess.PIPE, env=support.environment(self.base))
                self.assertEqual(done.returncode, 4, done.stderr.decode())

    def test_json_of_info_and_plan_stands_alone_on_standard_output(self):
        self.assertEqual(json.loads(self.skyfold("info", "--catalogue", self.catalogue, "--json").out)["rows"], 2000)
        self.assertEqual(json.loads(self.skyfold("plan", "--catalogue", self.catalogue, "--ranks", 3, "--json").out)["ranks"], 3)

    def test_text_that_is_not_utf8_can_be_described(self):
        path = self.path("latin.csv")
        pathlib.Path(path).write_bytes("id,ra,dec,größe\n1,10,10,3\n2,11,11,4\n".encode("latin-1"))
        self.skyfold("import", "--input", path, "--output", self.path("latin.h5"))
        json.loads(self.skyfold("info", "--catalogue", self.path("latin.h5"), "--json").out)
        self.skyfold("info", "--catalogue", self.path("latin.h5"))


if __name__ == "__main__":
    support.main()
