"""What an accident or a hostile colleague could do: names that are code, inputs that change or are damaged, foreign registries."""
import ctypes
import ctypes.util
import html.parser
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import warnings

import h5py
import numpy as np
from astropy.io import fits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

HAS_GNUPLOT = shutil.which("gnuplot") is not None


class Trust(support.SkyfoldTest):
    """A survey of 4,000 objects, a model trained on a part of it, and stars."""

    home = None  # of files that all tests read and none changes

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        is_new = Trust.home is None
        if is_new:
            Trust.home = pathlib.Path(tempfile.mkdtemp(prefix="skyfold_test_"))
            unittest.addModuleCleanup(shutil.rmtree, Trust.home, ignore_errors=True)
        cls.survey, cls.sample, cls.model, cls.stars = (str(Trust.home / name) for name in ("survey.h5", "survey.spec.h5", "model.h5", "stars.h5"))
        if not is_new:
            return
        cls.skyfold("mock", "--objects", 4000, "--seed", 3, "--spectroscopic", 0.4, "--output", cls.survey)
        cls.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--sample", cls.sample, "--output", cls.model)
        cls.skyfold("mock", "--kind", "stars", "--objects", 20000, "--seed", 4, "--output", cls.stars)

    def copy(self, path, name=None):
        return shutil.copy(path, self.path(name or pathlib.Path(path).name))

    def photoz(self, catalogue, model, output, *words, **options):
        return self.run_skyfold("photoz", "--catalogue", catalogue, "--model", model, "--output", output, *words, **options)

    def names(self):
        return sorted(os.listdir(self.folder))


@unittest.skipUnless(HAS_GNUPLOT, "gnuplot is not installed")
class Plots(Trust):
    def targets(self, ids):
        sky = support.read_group(self.stars)
        rows = np.flatnonzero(sky["psfmag_r"] < 18.5)[: len(ids)]
        columns = {"name": np.array(ids, "S40"), "ra": sky["ra"][rows], "dec": sky["dec"][rows]}
        columns.update({f"psfmag_{band}": sky[f"psfmag_{band}"][rows] for band in "ugriz"})
        return support.make_fits(self.path("targets.fits"), columns)

    def test_an_id_is_no_code(self):
        ids = ["`touch PWNED`", "'.system('touch PWNED').'", "a\"`touch PWNED`\"", "$(touch PWNED)", "a/../b", "<script>", "%n{}"]
        self.skyfold("locus", "--targets", self.targets(ids), "--catalogue", self.stars, "--columns.id", "name", "--output", self.path("p.h5"), "--plot", *ids,
                     cwd=self.folder)
        charts = sorted(path.name for path in self.folder.glob("*.svg"))
        self.assertEqual(charts, sorted(f"p.{name.replace('/', '_')}.svg" for name in ids))
        self.assertNotIn("PWNED", self.names())
        for chart in charts:
            text = (self.folder / chart).read_text()
            self.assertIn("</svg>", text)
            self.assertNotIn("<script", text)
        self.assertIn("target `touch PWNED`", (self.folder / "p.`touch PWNED`.svg").read_text())

    def test_a_file_name_is_no_code(self):
        name = "|touch X;.h5"
        self.skyfold("locus", "--targets", self.targets(["T0"]), "--catalogue", self.stars, "--columns.id", "name", "--output", name, "--plot", "T0", cwd=self.folder)
        self.assertNotIn("X", self.names())
        self.assertIn("</svg>", (self.folder / "|touch X;.T0.svg").read_text())

    def test_what_gnuplot_says_is_in_the_message_and_not_in_the_output(self):
        """A gnuplot that fails: one clear line on standard error, nothing of it on standard output."""
        tools = self.folder / "tools"
        tools.mkdir()
        (tools / "gnuplot").write_text("#!/bin/sh\necho to stdout\necho 'line 7: bad luck' >&2\nexit 3\n")
        (tools / "gnuplot").chmod(0o755)
        done = subprocess.run([support._binary[0], "locus", "--targets", self.targets(["T0"]), "--catalogue", self.stars, "--columns.id", "name", "--output",
                               self.path("p.h5"), "--plot", "T0"], capture_output=True, text=True,
                              env=dict(support.environment(self.base), PATH=f"{tools}:{os.environ['PATH']}"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertNotIn("to stdout", done.stdout)
        self.assertNotIn("bad luck", done.stdout)
        self.assertRegex(done.stderr, r"p.T0.svg: gnuplot could not draw .*line 7: bad luck; exit status 3")


class Tags(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


class Pages(Trust):
    def test_a_fingerprint_is_sixteen_digits_or_refused(self):
        for name, value in (("a.h5", "<script>alert(1)</script>"), ("b.h5", "0123456789abcdeF"), ("c.h5", "0123456789abcde")):
            catalogue = self.copy(self.survey, name)
            with h5py.File(catalogue, "r+") as file:
                file.attrs["fingerprint"] = value
            done = self.photoz(catalogue, self.model, self.path("z.h5"))
            self.assertEqual(done.code, 3, done)
            self.assertIn(f"{name}: its fingerprint is not 16 hexadecimal digits", done.err)
            self.assertFalse(os.path.exists(self.path("z.h5")))

    def test_foreign_texts_are_shown_as_text(self):
        folder = self.folder / "<img src=x onerror=alert(1)>"
        folder.mkdir()
        sample = shutil.copy(self.sample, folder / "<script>alert(2)</script>.h5".replace("/", "\u2215"))
        with h5py.File(sample, "r+") as file:
            file["object"]["z_spec" if "z_spec" in file["object"] else list(file["object"])[0]].attrs["description"] = "<script>alert(3)</script>"
        self.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--sample", sample, "--output", folder / "m.h5", "--train.fraction", 0.5)
        page = Tags((folder / "m.html").read_text())
        self.assertNotIn("script", page.tags)
        self.assertNotIn("onerror", page.attributes)


class ChangedInputs(Trust):
    """An input changes after it was opened and before anything is published: exit 3, its name, and no product."""

    def start_and_change(self, words, change, has_read):
        """Stops the command once it has read something, changes an input, and lets it go on. One that was quicker is run again."""
        for _ in range(8):
            place = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            with open(place / "err", "w") as log:
                process = subprocess.Popen([support._binary[0], *map(str, words(place))], env=support.environment(self.base), stdout=subprocess.DEVNULL, stderr=log)
            while process.poll() is None and not has_read(place):
                pass
            if process.returncode is not None:
                self.assertEqual(process.returncode, 0, (place / "err").read_text())
                continue
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            is_stopped = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
            is_early = is_stopped and not (place / "out.h5").exists()
            if is_early:
                change()
            process.send_signal(signal.SIGCONT)
            process.wait(timeout=120)
            if is_early:
                return place, process.returncode, (place / "err").read_text()
        self.skipTest("the command ends before it can be stopped")

    def check(self, words, changed, has_read, change=None):
        def write_byte():
            with open(changed, "r+b") as file:
                first = file.read(1)
                file.seek(0)
                file.write(first)

        place, code, err = self.start_and_change(words, change or write_byte, has_read)
        self.assertEqual(code, 3, err)
        self.assertRegex(err, f"{pathlib.Path(changed).name}: changed while it was read ")
        self.assertEqual([name for name in os.listdir(place) if name.startswith("out.") and not name.endswith(".run")], [], err)

    def test_the_catalogue_or_the_model_of_photoz(self):
        for kind in ("written", "replaced", "link"):
            catalogue, model = self.copy(self.survey, f"{kind}.h5"), self.copy(self.model, f"{kind}.model.h5")
            changed, change = catalogue, None
            if kind == "replaced":
                changed, other = model, self.copy(self.model, "other.h5")
                shutil.copystat(model, other)
                change = lambda: os.replace(other, model)
            if kind == "link":
                changed = catalogue = self.path("link.to.h5")
                os.symlink("link.h5", catalogue)
                other = self.copy(self.survey, "other.h5")
                change = lambda: (os.remove(catalogue), os.symlink("other.h5", catalogue))
            words = lambda place: ["photoz", "--catalogue", catalogue, "--model", model, "--output", place / "out.h5", "--farm.fault", "sleep=0.5@0"]
            self.check(words, changed, lambda place: (place / "out.h5.run/products/out.h5").exists(), change)

    def test_what_commands_read_that_do_not_farm(self):
        sample = self.copy(self.sample)
        has_folder = lambda place: (place / "out.h5.run").exists()
        self.check(lambda place: ["train", "--calibrate", "none", "--algorithms", "dnf", "--sample", sample, "--output", place / "out.h5"], sample, has_folder)
        self.check(lambda place: ["validate", "--sample", sample, "--models", self.model, "--output", place / "out.h5"], sample,
                   lambda place: os.path.getsize(place / "err") > 0)
        registration = self.path("survey.ini")
        pathlib.Path(registration).write_text(f"name = A\nversion = 1\nyear = 2020\nreference = none\nfile = {sample}\n[columns]\nra = ra\ndec = dec\nz = z_spec\n[quality]\ndefault = 4\n")
        self.check(lambda place: ["spec", "--surveys", registration, "--output", place / "out.h5"], registration, has_folder)
        self.skyfold("mock", "--kind", "map", "--map.nside", 256, "--map.sources", 50, "--output", self.path("map.fits"))
        self.check(lambda place: ["map", "reorder", self.path("map.fits"), "--output", place / "out.fits"], self.path("map.fits"), lambda place: len(os.listdir(place)) > 1)


def flip_bit(path, dataset, row):
    """One bit of a value, as a disk or a memory chip might."""
    with h5py.File(path) as file:
        values = file[dataset]
        at = values.id.get_offset() + row * values.dtype.itemsize * int(np.prod(values.shape[1:], dtype=int)) + 1
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 4]))


class DamagedInputs(Trust):
    """A flipped bit is found as it is read, and named with its column and rows."""

    ROWS = 140_000  # three zones

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wide = str(Trust.home / "wide.h5")
        if not os.path.exists(cls.wide):
            cls.skyfold("mock", "--objects", cls.ROWS, "--seed", 5, "--output", cls.wide)

    def refused(self, column, first, last, *words, **options):
        done = self.run_skyfold(*words, **options)
        self.assertEqual(done.code, 3, done)
        self.assertRegex(done.err, f"column {column}, rows {first} to {last}: damaged")

    def test_any_zone_of_a_column_that_is_read(self):
        words = ["--model", self.model, "--output", self.path("z.h5"), "--catalogue"]
        for row, first, last in ((3, 1, 65536), (70_000, 65537, 131072), (self.ROWS - 1, 131073, self.ROWS)):
            bad = self.copy(self.wide, "bad.h5")
            flip_bit(bad, "object/mag_i", row)
            self.refused("mag_i", first, last, "photoz", *words, bad)
            self.assertEqual(self.names(), ["bad.h5"])
        self.assertEqual(self.run_skyfold("info", "--catalogue", bad).code, 0)

    def test_damage_is_read_where_that_is_asked_for_or_is_nobodys_business(self):
        bad = self.copy(self.survey, "bad.h5")
        flip_bit(bad, "object/mag_i", 1234)
        words = ["--catalogue", bad, "--model", self.model]
        self.refused("mag_i", 1, 4000, "photoz", *words, "--output", self.path("z.h5"))
        self.skyfold("photoz", *words, "--output", self.path("z.h5"), "--verify-inputs", "off")
        other = self.copy(self.survey, "other.h5")
        flip_bit(other, "object/is_star", 1234)
        self.assertEqual(self.photoz(other, self.model, self.path("o.h5")).code, 0)

    def test_catalogues_of_match_and_locus(self):
        columns = support.read_group(self.sample)
        support.make_csv(self.path("t.csv"), {"ra": columns["ra"], "dec": columns["dec"], "z": columns["z_spec"], "q": np.full(len(columns["ra"]), 4)})
        pathlib.Path(self.path("t.ini")).write_text("name = T\nyear = 2020\nfile = t.csv\n[columns]\nra = ra\ndec = dec\nz = z\nquality = q\n[quality]\nvalues = 4:4\n")
        self.skyfold("spec", "--surveys", self.path("t.ini"), "--output", self.path("spec.h5"))
        bad = self.copy(self.survey, "bad.h5")
        flip_bit(bad, "object/dec", 2000)
        words = ["match", "--output", self.path("m.h5"), "--spec"]
        self.refused("dec", 1, 4000, *words, self.path("spec.h5"), "--catalogue", bad)
        rows = len(support.read_group(self.path("spec.h5"))["z"])
        flip_bit(self.path("spec.h5"), "object/z", rows - 1)
        self.refused("z", 1, rows, *words, self.path("spec.h5"), "--catalogue", self.survey)
        stars = self.copy(self.stars, "stars.h5")
        flip_bit(stars, "object/psfmag_r", 12345)
        self.refused("psfmag_r", 1, 20000, "locus", "--traverse", "true", "--targets.where", "r<15", "--catalogue", stars, "--output", self.path("p.h5"))

    def test_samples(self):
        bad, held = self.copy(self.sample, "bad.h5"), self.copy(self.model.replace(".h5", ".validation.h5"), "held.h5")
        words = ["train", "--calibrate", "none", "--algorithms", "dnf", "--sample", bad, "--output", self.path("m.h5")]
        for path in (bad, held):
            flip_bit(path, "object/z_spec", 99)
        self.refused("z_spec", 1, len(support.read_group(bad)["z_spec"]), *words)
        self.refused("z_spec", 1, len(support.read_group(held)["z_spec"]), "validate", "--sample", held, "--models", self.model, "--output", self.path("v.h5"))
        flip_bit(bad, "object/z_spec", 99)
        flip_bit(bad, "object/is_star", 3)
        self.skyfold(*words)

    def test_pdfs(self):
        self.skyfold("photoz", "--catalogue", self.survey, "--model", self.model, "--output", self.path("e.h5"), "--pdf", "interp", "--pdf.bins", "100")
        self.check_attached(self.path("e.pdf.hdf5"), "data")
        words = ["validate", "--sample", self.sample, "--estimates", self.path("e.h5"), "--output", self.path("v.h5")]
        flip_bit(self.path("e.pdf.hdf5"), "data/yvals", 3999)
        self.refused("yvals", 2049, 4000, *words)
        self.skyfold(*words, "--verify-inputs", "off")

    def check_attached(self, path, group):
        """The hashes are those of the library itself, over zones of at most 65,536 rows and 1 MiB."""
        library = ctypes.CDLL(ctypes.util.find_library("xxhash"))
        library.XXH3_64bits.restype = ctypes.c_uint64
        library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        with h5py.File(path) as file:
            for values in file[group].values():
                rows = 65536
                while rows * values[:1].nbytes > 1 << 20:
                    rows //= 2
                zones = [values[begin:begin + rows].tobytes() for begin in range(0, len(values), rows)]
                self.assertEqual(values.attrs["zone_hashes"], "".join(f"{library.XXH3_64bits(zone, len(zone)):016x}" for zone in zones))

    def test_hashes_are_what_they_say_for_any_number_of_ranks(self):
        for name, ranks in (("a", 0), ("b", 2)):
            self.skyfold("mock", "--objects", 3000, "--seed", 5, "--spectroscopic", 0.4, "--output", self.path(name + ".h5"), ranks=ranks)
        self.assertEqual(*(support.read_bytes(self.path(name)) for name in ("a.spec.h5", "b.spec.h5")))
        self.check_attached(self.path("a.spec.h5"), "object")

    def test_maps(self):
        sky = self.path("sky.fits")
        self.skyfold("mock", "--kind", "map", "--map.nside", 32, "--map.sources", 40, "--seed", 2, "--output", sky, ranks=2)
        self.skyfold("map", "reorder", sky, "--to", "NESTED", "--output", self.path("nested.fits"))
        for name in ("sky.fits", "nested.fits"):
            with warnings.catch_warnings(action="error"), fits.open(self.path(name), checksum=True) as file:
                self.assertEqual(file[1].header["DATASUM"], str(file[1]._calculate_datasum()))
        bad = self.copy(sky, "bad.fits")
        with fits.open(sky) as file:
            begin, bytes_ = file[1].fileinfo()["datLoc"], 12 * 32**2 * 4
        words = ["patch", "--maps", bad, "--sources", self.path("sky.truth.h5"), "--measure", "mean", "--output", self.path("p.h5"), "--patch.radius", 60]
        for at in (0, bytes_ // 2, bytes_ - 1):
            data = bytearray(support.read_bytes(sky))
            data[begin + at] ^= 16
            pathlib.Path(bad).write_bytes(data)
            done = self.run_skyfold(*words)
            self.assertEqual(done.code, 3, done)
            self.assertRegex(done.err, r"bad.fits: damaged \(the sum of its data is \d+, but its header says DATASUM = \d+")
        self.assertEqual(self.run_skyfold("map", "info", bad).code, 3)
        self.skyfold(*words, "--verify-inputs", "off")

    def test_ranges_of_zones_have_hashes(self):
        """A wrong range would lose rows without a word: zones are skipped by it."""
        library = ctypes.CDLL(ctypes.util.find_library("xxhash"))
        library.XXH3_64bits_withSeed.restype = ctypes.c_uint64
        library.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
        with h5py.File(self.survey) as file:
            hashes = dict(zip(file["index/ranges/name"][:], file["index/ranges/hash"][:].view("u8")))
            self.assertEqual({name.decode() for name in hashes}, set(file["object"]))
            for name, columns in file["index/zones"].items():
                hash = 0
                for part in ("min", "max", "missing"):
                    values = columns[part][:].tobytes()
                    hash = library.XXH3_64bits_withSeed(values, len(values), hash)
                self.assertEqual(hashes[name.encode()], hash, name)
        words = ["--where", "mag_i < 22"]
        whole = self.path("whole.h5")
        self.assertEqual(self.photoz(self.survey, self.model, whole, *words).code, 0)
        for place, change in (("zones/mag_i/min", 25.0), ("zones/mag_i/missing", 7), ("ranges/hash", 1)):
            bad = self.copy(self.survey, "bad.h5")
            with h5py.File(bad, "r+") as file:
                file[f"index/{place}"][...] = change
            done = self.photoz(bad, self.model, self.path("z.h5"), *words)
            self.assertEqual((done.code, "bad.h5, column mag_i: the ranges of its zones are damaged" in done.err), (3, True), done)
            self.assertEqual(self.run_skyfold("info", bad).code, 3)
        # The range says that there are none, and is believed where nobody looks at its hash, or has one.
        with h5py.File(bad, "r+") as file:
            file["index/zones/mag_i/min"][...] = 25.0
        self.assertEqual(self.photoz(bad, self.model, self.path("z.h5"), *words, "--verify-inputs", "off").code, 3)
        with h5py.File(bad, "r+") as file:
            del file["index/ranges"]
            file["index/zones/mag_i/min"][...] = 0.0
        done = self.photoz(bad, self.model, self.path("old.h5"), *words)
        self.assertEqual(done.code, 0, done)
        np.testing.assert_array_equal(support.read_group(self.path("old.h5"))["id"], support.read_group(whole)["id"])

    def test_hashes_that_are_none_are_said(self):
        bad = self.copy(self.sample, "bad.h5")
        with h5py.File(bad, "r+") as file:
            file["object/z_spec"].attrs["zone_hashes"] = "0" * 15
        done = self.run_skyfold("validate", "--sample", bad, "--models", self.model, "--output", self.path("v.h5"))
        self.assertEqual((done.code, "column z_spec: the hashes of its zones are damaged" in done.err), (3, True), done)


class DamagedModels(Trust):
    def test_a_flipped_bit_is_found(self):
        bad = self.copy(self.model, "bad.h5")
        with h5py.File(bad) as file:
            at = file["training/z"].id.get_offset() + 81
        with open(bad, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 4]))
        done = self.photoz(self.survey, bad, self.path("z.h5"))
        self.assertEqual(done.code, 3, done)
        self.assertIn("bad.h5: the model's content does not match its checksum", done.err)


class Registries(Trust):
    """What a record in a registry can make skyfold do."""

    def made(self):
        survey = self.path("c.h5")
        self.skyfold("mock", "--objects", 300, "--seed", 1, "--output", survey, cwd=self.folder)
        return survey

    def edit(self, column, value):
        with sqlite3.connect(self.path("skyfold.db")) as database:
            database.execute(f"UPDATE process SET {column} = ?", (value,))

    def replay(self, *words):
        return self.run_skyfold("products", "replay", self.path("c.h5"), *words, cwd=self.folder)

    def test_a_replay_runs_commands_that_make_products_only(self):
        self.made()
        self.assertEqual(self.replay().code, 0)
        script = self.folder / "script"
        script.write_text(f"#!/bin/sh\ntouch {self.folder}/PWNED\n")
        script.chmod(0o755)
        for command in (f"launch --launcher {script}", "launch", "mock --launcher x", "products drop", "status", "", "mock\n"):
            self.edit("command", command)
            done = self.replay()
            self.assertEqual(done.code, 3, done)
            self.assertIn("no command that makes products", done.err)
        self.assertNotIn("PWNED", self.names())

    def test_a_replay_writes_into_its_folder_only(self):
        self.made()
        victim = self.folder / "victim.txt"
        victim.write_text("mine")
        with sqlite3.connect(self.path("skyfold.db")) as database:
            (configuration,) = database.execute("SELECT configuration FROM process").fetchone()
        elsewhere = configuration.replace("kind = survey", "kind = map")
        self.skyfold("locus", "--traverse", "true", "--targets.where", "r<14", "--catalogue", self.stars, "--output", self.path("p.h5"), "--csv", self.path("p.csv"))
        with sqlite3.connect(self.path("skyfold.db")) as database:
            database.execute("UPDATE process SET configuration = replace(configuration, ?, ?) WHERE command = 'locus'", (f"csv = {self.path('p.csv')}", f"csv = {victim}"))
        done = self.run_skyfold("products", "replay", self.path("p.h5"), cwd=self.folder)
        self.assertNotEqual(done.code, 0, done)
        self.assertIn("lies outside", done.err)
        self.assertEqual(victim.read_text(), "mine")
        self.assertLess(done.err.index("running "), done.err.index("lies outside"))

    def test_a_registry_of_others_is_not_used_unless_it_is_named(self):
        self.made()
        os.chmod(self.folder, 0o777)
        for words in (["list"], ["replay", self.path("c.h5")], ["drop", self.path("c.h5")], ["gc", "--older-than", "0s"]):
            done = self.run_skyfold("products", *words, cwd=self.folder)
            self.assertEqual(done.code, 4, done)
            self.assertIn("a registry in a folder that everyone may write", done.err)
        self.skyfold("products", "list", "--project", self.folder, cwd=self.folder)
        done = self.skyfold("mock", "--objects", 300, "--seed", 2, "--output", self.path("d.h5"), cwd=self.folder)
        self.assertIn("not in the registry of products", done.err)
        os.chmod(self.folder, 0o700)
        if os.geteuid() == 0:
            os.chown(self.path("skyfold.db"), 12345, -1)
            done = self.run_skyfold("products", "list", cwd=self.folder)
            self.assertEqual(done.code, 4, done)
            self.assertIn("a registry of another user (number 12345)", done.err)

    def test_a_product_without_a_process_is_dropped_all_the_same(self):
        survey = self.made()
        with sqlite3.connect(self.path("skyfold.db")) as database:
            database.execute("UPDATE product SET process = '' WHERE path = ?", (survey,))
        done = self.run_skyfold("products", "drop", survey, cwd=self.folder)
        self.assertIn(done.code, (0, 3, 4), done)

    def test_what_a_saved_product_needs_stays(self):
        for path in (self.survey, self.model):
            self.copy(path)
        self.skyfold("mock", "--objects", 300, "--seed", 1, "--output", self.path("c.h5"))
        self.skyfold("photoz", "--catalogue", self.path("c.h5"), "--model", self.model, "--output", self.path("z.h5"), "--fits", self.path("z.fits"), "--pdf", "interp")
        self.skyfold("products", "save", self.path("z.h5"))
        for name, why in (("c.h5", "the saved product .*z.h5 was made from it"), ("z.fits", "together with the saved product .*z.h5"), ("z.pdf.hdf5", "together with")):
            done = self.run_skyfold("products", "drop", self.path(name))
            self.assertEqual(done.code, 2, done)
            self.assertRegex(done.err, why)
        done = self.skyfold("products", "gc", "--older-than", "0s", cwd=self.folder)
        for name in ("c.h5", "z.h5", "z.fits", "z.pdf.hdf5"):
            self.assertTrue(os.path.exists(self.path(name)), name)
        self.assertRegex(done.out, r"kept .*z.pdf.hdf5 \(it was made together")
        self.skyfold("products", "save", self.path("z.h5"), "--undo")
        self.skyfold("products", "drop", self.path("c.h5"))
        self.assertFalse(os.path.exists(self.path("c.h5")))


class Names(Trust):
    def test_names_that_are_not_utf8(self):
        name = os.fsencode(self.folder) + b"/a\xff.h5"
        run = lambda *words: subprocess.run([support._binary[0], *words], env=support.environment(self.base), capture_output=True, cwd=self.folder)
        for words in (["mock", "--objects", "300", "--seed", "1", "--output", name], ["mock", "--objects", "300", "--seed", "1", "--output", name]):
            done = run(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"is complete: nothing to do", done.stderr)  # the run's state knows its own name again
        for words in (["status", name, "--json"], ["info", "--catalogue", name, "--json"], ["plan", "--catalogue", name, "--ranks", "2", "--json"], ["products", "list", "--json"]):
            done = run(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("a\\\\xff.h5", done.stdout.decode())
            json.loads(done.stdout)
        page = (self.folder / os.fsdecode(b"a\xff.html")).read_bytes().decode()
        self.assertIn("a\\xff.h5", page)

    def test_a_run_repeats_from_its_own_ini(self):
        for name in ("a #b.h5", 'q"x".h5', "semi;colon, comma.h5", " blank .h5", "back\\slash.h5"):
            words = ["mock", "--objects", "300", "--seed", "1", "--output", name]
            printed = self.skyfold(*words, "--print-config", cwd=self.folder)
            (self.folder / "a.ini").write_text(printed.out)
            again = self.skyfold("mock", "--config", "a.ini", "--print-config", cwd=self.folder)
            self.assertEqual(again.out, printed.out)
            self.skyfold("mock", "--config", "a.ini", cwd=self.folder)
            self.assertIn(name, self.names())
            self.skyfold("products", "replay", name, cwd=self.folder)

    def test_an_error_is_one_line_whatever_it_names(self):
        done = self.run_skyfold("info", "--catalogue", self.path("a\n\x1b[2Jb.h5"))
        self.assertEqual(done.code, 4)
        self.assertEqual(len(done.err.splitlines()), 1, done.err)
        self.assertIn("a\\n\\x1b[2Jb.h5", done.err)

    def test_foreign_texts_are_no_commands_to_the_terminal(self):
        self.skyfold("mock", "--objects", 300, "--seed", 1, "--output", "c.h5", cwd=self.folder)
        text = "\x1b[2JA\nB\x07"
        self.skyfold("products", "comment", "c.h5", text, cwd=self.folder)
        with sqlite3.connect(self.path("skyfold.db")) as database:
            database.execute("UPDATE process SET host = ?, state = ?", (text, text))
        with h5py.File(self.path("c.h5"), "r+") as file:
            file.attrs["creator"] = text
            file["object/mag_i"].attrs["description"] = text
        state = json.loads((self.folder / "c.h5.run/state.json").read_text())
        (self.folder / "c.h5.run/state.json").write_text(json.dumps(state | {"command": text}))
        for words in (["info", "c.h5"], ["products", "show", "c.h5"], ["products", "tree", "c.h5"], ["products", "list", "--all"], ["status", "c.h5"]):
            done = self.skyfold(*words, cwd=self.folder)
            self.assertEqual([c for c in done.out if c < " " and c != "\n"], [], done)
            if words[1] != "list":
                self.assertIn("\\x1b[2JA", done.out, done)

    def test_damaged_attributes_are_wrong_data(self):
        catalogue, model = self.copy(self.survey), self.copy(self.model)
        for path, name in ((catalogue, "ordering"), (model, "bands.limits")):
            with h5py.File(path, "r+") as file:
                file.attrs[name] = "Z" * 50_000
            done = self.photoz(catalogue if path == catalogue else self.survey, model, self.path("z.h5"))
            self.assertEqual((done.code, len(done.errors())), (3, 1), done)
            self.assertIn(pathlib.Path(path).name, done.err)
            self.assertLess(len(done.err), 20_000)

    def test_prometheus_labels_hold_any_name(self):
        name = 'n"\\.h5'
        self.skyfold("mock", "--objects", 300, "--seed", 1, "--output", name, cwd=self.folder)
        self.skyfold("status", name, "--prometheus", "m.prom", cwd=self.folder)
        for line in (self.folder / "m.prom").read_text().splitlines():
            self.assertRegex(line, r'^(# .*|\w+\{(\w+="([^"\\\n]|\\["\\n])*",?)*\} \S+)$')


class Streams(Trust):
    def run_with(self, redirections, *words):
        quoted = " ".join("'" + str(word) + "'" for word in (support._binary[0], *words))
        return subprocess.run(["sh", "-c", f"{quoted} {redirections}"], env=support.environment(self.base), capture_output=True, text=True, cwd=self.folder)

    def test_full_or_closed_streams_cost_no_product(self):
        self.skyfold("mock", "--objects", 300, "--seed", 1, "--output", self.path("whole.h5"))
        for i, (redirections, codes) in enumerate((("2>/dev/full", [0]), (">/dev/full 2>/dev/full", [4]), (">/dev/full", [4]), ("<&- >&- 2>&-", [0]), ("2>&-", [0]), (">&-", [0]),
                                                   ("2>&1 | true", [0]))):
            done = self.run_with(redirections, "mock", "--objects", 300, "--seed", 1, "--output", f"o{i}.h5")
            self.assertIn(done.returncode, codes, (redirections, done.stderr))
            self.assertEqual(support.read_bytes(self.path(f"o{i}.h5")), support.read_bytes(self.path("whole.h5")), redirections)
            done = self.run_with(redirections, "train", "--calibrate", "none", "--algorithms", "dnf", "--sample", self.sample, "--output", f"m{i}.h5")
            self.assertIn(done.returncode, codes, (redirections, done.stderr))
            self.assertTrue(os.path.exists(self.path(f"m{i}.h5")), redirections)


if __name__ == "__main__":
    support.main()
