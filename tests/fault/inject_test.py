"""Every system call on a file of every command that writes is made to fail, or to stop short, by a preloaded library
(inject.cpp); here a sample of the calls, the same at each run, or all of them with SKYFOLD_INJECT=all. What must hold:

- exit 0 means that the products are those of an undisturbed run;
- another exit code is 4, with one line; no file is under a final name but with the bytes of the undisturbed run;
- interrupted and short calls are survived;
- the same command without the fault gives the right products.
"""
import collections
import concurrent.futures
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

LIBRARY = [""]
ALL = os.environ.get("SKYFOLD_INJECT") == "all"
WORKERS = int(os.environ.get("SKYFOLD_INJECT_WORKERS", 2))
SAMPLE = 22          # faults per command where not all are tried
SURVIVED = ("EINTR", "SHORT")

# What each kind of call can fail with.
FAULTS = {"write": ("EIO", "ENOSPC", "SHORT", "EINTR"), "read": ("EIO", "SHORT", "EINTR"), "sync": ("EIO", "EINTR"), "close": ("EIO", "EINTR"),
          "truncate": ("EIO", "EINTR"), "fallocate": ("ENOSPC", "EINTR"), "create": ("ENOSPC", "EMFILE", "EINTR"), "open": ("EIO", "EMFILE", "EINTR"),
          "rename": ("EIO", "ENOSPC"), "link": ("EIO", "ENOSPC"), "unlink": ("EIO",), "mkdir": ("ENOSPC",), "rmdir": ("EIO",)}

SURVEY = """name = T
year = 2020
file = t.csv
[columns]
ra = ra
dec = dec
z = z_spec
quality = q
[quality]
values = 4:4,3:3
"""


def read_products(folder):
    """All files with a final name, by name; the registry and the pages about runs, which may be missing, are left out."""
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.is_file() and path.suffix != ".html" and not path.name.startswith("skyfold.db")}


class Commands(support.SkyfoldTest):
    """Inputs in a folder of the class; each run works in a folder of the same name, so that its products have the same bytes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.inputs = cls.base / "in"
        cls.inputs.mkdir()
        at = lambda name: str(cls.inputs / name)
        quiet = ("--project", "none", "--product-log", "none", "--threads", 1)
        cls.skyfold("mock", "--objects", 1500, "--seed", 5, "--spectroscopic", 0.4, "--output", at("survey.h5"), *quiet)
        cls.skyfold("train", "--calibrate", "none", "--sample", at("survey.spec.h5"), "--output", at("model.h5"), "--train.fraction", 0.6, "--train.validation",
                    at("held.h5"), "--dnf.neighbours", 20, *quiet)
        cls.skyfold("mock", "--kind", "map", "--map.nside", 16, "--map.sources", 30, "--seed", 2, "--output", at("sky.fits"), *quiet)
        columns = support.read_group(at("survey.h5"))
        shuffled = np.random.default_rng(3).permutation(len(columns["id"]))
        table = {name: columns[name][shuffled] for name in ("id", "ra", "dec", "mag_g", "mag_r", "mag_i")}
        support.make_hdf5(at("table.h5"), table)
        support.make_fits(at("table.fits"), table)
        support.make_csv(at("table.csv"), {name: values[:300] for name, values in table.items()})
        spectra = support.read_group(at("survey.spec.h5"))
        support.make_csv(at("t.csv"), {"ra": spectra["ra"], "dec": spectra["dec"], "z_spec": spectra["z_spec"], "q": np.full(len(spectra["ra"]), 4)})
        (cls.inputs / "t.ini").write_text(SURVEY)
        cls.skyfold("spec", "--surveys", at("t.ini"), "--output", at("spec.h5"), *quiet)
        support.make_csv(at("targets.csv"), {"id": np.arange(5), "ra": columns["ra"][:5], "dec": columns["dec"][:5],
                                             **{f"mag_{band}": columns[f"mag_{band}"][:5] for band in "gri"}})
        for path in cls.inputs.glob("*.run"):
            shutil.rmtree(path)

    def words(self, command, out):
        at = lambda name: str(self.inputs / name)
        words = {
            "mock": ["mock", "--objects", 1500, "--seed", 9, "--spectroscopic", 0.1, "--output", out("o.h5")],
            "compressed mock": ["mock", "--objects", 1500, "--seed", 9, "--compress", "zstd", "--output", out("o.h5")],
            "mock of a map": ["mock", "--kind", "map", "--map.nside", 16, "--map.sources", 20, "--seed", 2, "--map.mask-latitude", 10, "--output", out("o.fits")],
            "import of HDF5": ["import", "--input", at("table.h5"), "--input.group", "data", "--memory", 64, "--output", out("o.h5")],
            "import of FITS": ["import", "--input", at("table.fits"), "--memory", 64, "--output", out("o.h5")],
            "import of CSV": ["import", "--input", at("table.csv"), "--memory", 64, "--output", out("o.h5")],
            "spec": ["spec", "--surveys", at("t.ini"), "--output", out("o.h5"), "--members", out("members.h5")],
            "match": ["match", "--spec", at("spec.h5"), "--catalogue", at("survey.h5"), "--output", out("o.h5")],
            "train": ["train", "--calibrate", "none", "--algorithms", "dnf", "knn", "--sample", at("survey.spec.h5"), "--output", out("o.h5"), "--train.fraction", 0.6,
                      "--dnf.neighbours", 20],
            "photoz": ["photoz", "--catalogue", at("survey.h5"), "--model", at("model.h5"), "--output", out("o.h5"), "--fits", out("o.fits"),
                       "--pdf", "interp", "--pdf.bins", 10, "--partition.by", "rows", "--partition.rows", 700],
            "validate": ["validate", "--sample", at("held.h5"), "--models", at("model.h5"), "--output", out("o.h5"), "--json", out("o.json"),
                         "--bootstrap.realisations", 5],
            "locus": ["locus", "--targets", at("targets.csv"), "--catalogue", at("survey.h5"), "--output", out("o.h5"), "--fits", out("o.fits"),
                      "--csv", out("o.csv"), "--bands", "g,r,i", "--locus.fov_ra", 60, "--locus.fov_dec", 60],
            # The stars are no catalogue: an ordered copy is made first.
            "locus of FITS": ["locus", "--targets", at("targets.csv"), "--catalogue", at("table.fits"), "--output", out("o.h5"), "--bands", "g,r,i",
                              "--locus.fov_ra", 60, "--locus.fov_dec", 60],
            "patch": ["patch", "--maps", at("sky.fits"), "--sources", at("sky.truth.h5"), "--output", out("o.h5"), "--fits", out("o.fits"),
                      "--text", out("o.tsv"), "--measure", "disc", "aperture", "--patch.radius", 300, "--channel.fwhm", 200, "--channel.frequency", 28.4],
            "export to FITS": ["export", at("survey.h5"), "--format", "fits", "--output", out("o.fits")],
            "export to CSV": ["export", at("survey.h5"), "--format", "csv", "--output", out("o.csv")],
            "map reorder": ["map", "reorder", at("sky.fits"), "--output", out("o.fits")],
            "map ud-grade": ["map", "ud-grade", at("sky.fits"), "--nside", 8, "--output", out("o.fits")],
        }[command]
        words += ["--threads", 1]
        return words if command in ("photoz", "spec") else words + ["--project", "none", "--product-log", "none"]   # some with a registry



class Injection(Commands):
    def start(self, command, folder, **variables):
        """Runs a command in `folder`/w, preloaded if variables are given."""
        environment = support.environment(self.base)
        if variables:
            environment.update(LD_PRELOAD=LIBRARY[0], INJECT_BELOW=str(self.base), **{f"INJECT_{name.upper()}": str(value) for name, value in variables.items()})
        words = [support._binary[0], *map(str, self.words(command, lambda name: str(folder / name)))]
        done = subprocess.run(words, env=environment, capture_output=True, timeout=120, cwd=folder)
        return support.Result(words, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def calls(self, command, folder):
        """The calls of an undisturbed run, and its products."""
        log = folder.parent / "calls"
        result = self.start(command, folder, call=0, log=log)
        self.assertEqual(result.code, 0, result)
        lines = [line.split(" ", 2) for line in log.read_text().splitlines()]
        log.unlink()
        return [(int(number), kind, path) for number, kind, path in lines], read_products(folder)

    def check(self, command, folder, products, call, fault, always):
        number, kind, path = call
        what = f"{command}: call {number} ({kind} of {path}) with {fault}{' from then on' if always else ''}"
        result = self.start(command, folder, call=number, **{"with": fault}, **({"always": 1} if always else {}))
        there = read_products(folder)
        problems = []
        if result.code == 0:
            problems += [f"{name} is missing" for name in products if name not in there]
        elif result.code != 4 or len(result.errors()) != 1 or fault in SURVIVED:
            problems.append("not one line and exit code 4" if fault not in SURVIVED else "was not survived")
        problems += [f"{name} differs" for name, bytes_ in there.items() if name in products and products[name] != bytes_]
        problems += [f"{name} was left" for name in there if name not in products]
        if not problems and result.code != 0:
            again = self.start(command, folder)
            if again.code != 0 or read_products(folder) != products:
                problems.append(f"the run afterwards is not right\n{again}")
        return f"{what}: {'; '.join(problems)}\n{result}" if problems else None

    def inject(self, command):
        folders = [self.folder / str(i) / "w" for i in range(WORKERS)]
        for folder in folders:
            folder.mkdir(parents=True)
        calls, products = self.calls(command, folders[0])
        self.assertTrue(products)
        faults = [(call, fault, always) for call in calls for fault in FAULTS[call[1]] for always in ((False, True) if fault in ("EIO", "ENOSPC") and ALL else (False,))]
        chosen = faults if ALL else [faults[i] for i in sorted({round(i * (len(faults) - 1) / (SAMPLE - 1)) for i in range(SAMPLE)})]
        free, lock, failures = list(folders), threading.Lock(), []

        def one(fault):
            with lock:
                folder = free.pop()
            shutil.rmtree(folder)
            folder.mkdir()
            try:
                return self.check(command, folder, products, *fault)
            finally:
                with lock:
                    free.append(folder)

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            failures = [failure for failure in pool.map(one, chosen) if failure]
        print(f"{command}: {len(calls)} calls, {len(chosen)} of {len(faults)} faults injected, {len(failures)} failures", file=sys.stderr, flush=True)
        if failures:
            self.fail(f"{len(failures)} of {len(chosen)} faults\n" + "\n".join(failures[:40 if ALL else 3]))


for _command in ("mock", "compressed mock", "mock of a map", "import of HDF5", "import of FITS", "import of CSV", "spec", "match", "train", "photoz", "validate", "locus",
                 "locus of FITS", "patch", "export to FITS", "export to CSV", "map reorder", "map ud-grade"):
    def _test(self, command=_command):
        self.inject(command)
    setattr(Injection, "test_" + _command.replace(" ", "_"), _test)


class FullDisk(Commands):
    """On a file system of memory that is too small."""

    SIZES = 6

    def mount(self, folder, kib):
        options = f"size={kib}k"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "skyfold-test", folder], capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], capture_output=True)

    def run_command(self, command, folder):
        return self.run_skyfold(*self.words(command, lambda name: str(folder / name)), cwd=folder)

    def one_size(self, command, folder, kib, products):
        self.mount(folder, kib)
        result = self.run_command(command, folder)
        there = read_products(folder)
        what = f"{command} on {kib} KiB\n{result}"
        if result.code == 0:
            self.assertEqual(there, products, what)
        else:
            self.assertEqual((result.code, len(result.errors())), (4, 1), what)
            self.assertEqual({name: products.get(name) for name in there}, there, what)
            subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
            again = self.run_command(command, folder)
            self.assertEqual(again.code, 0, f"{what}\n{again}")
            self.assertEqual(read_products(folder), products, what)
        subprocess.run(["umount", "-l", folder], check=True)
        return result.code

    def fill_up(self, command):
        folder = self.folder / "w"
        folder.mkdir()
        self.assertEqual(self.run_command(command, folder).code, 0)
        products = read_products(folder)
        needed = sum(len(bytes_) for bytes_ in products.values()) // 1024
        shutil.rmtree(folder)
        folder.mkdir()
        codes = [self.one_size(command, folder, 16 + needed * i // self.SIZES, products) for i in range(1, self.SIZES + 1)]
        self.assertIn(4, codes)


for _command in ("spec", "train", "mock of a map"):
    def _test(self, command=_command):
        self.fill_up(command)
    setattr(FullDisk, "test_" + _command.replace(" ", "_"), _test)


class Edges(Commands):
    def test_paths_of_any_length_work_or_are_refused(self):
        """Open MPI's and HDF5's own buffers end at 256 and 1024 bytes, the system's at 4096."""
        reference = self.folder / "w"
        reference.mkdir()
        self.assertEqual(self.run_skyfold(*self.words("photoz", lambda name: str(reference / name)), "--project", "none").code, 0)
        for length in (200, 215, 250, 400, 1030, 3900):
            folder = self.folder
            while len(str(folder)) < length - 105:
                folder = folder / ("d" * 100)
            folder = folder / ("e" * max(1, length - len(str(folder)) - 6))
            with self.subTest(length=length):
                folder.mkdir(parents=True)
                output = lambda name: str(folder / name)
                self.assertAlmostEqual(len(output("o.h5")), length, delta=1)
                result = self.run_skyfold(*self.words("photoz", output), "--project", "none")
                self.assertEqual(result.code, 0, result)
                self.assertEqual(read_products(folder), read_products(reference))
        with self.subTest("beyond the limit"):
            result = self.run_skyfold(*self.words("photoz", lambda name: "/".join([str(self.folder), *["d" * 100] * 41, name])))
            self.assertEqual((result.code, len(result.errors())), (4, 1), result)

    def test_closed_standard_streams_are_no_files(self):
        for closed in ("<&- >&- 2>&-", ">&-", "2>&-", "<&-"):
            with self.subTest(closed=closed):
                folder = self.folder / closed.replace(" ", "").replace("<", "i").replace(">", "o").replace("&", "").replace("-", "c") / "w"
                folder.mkdir(parents=True)
                words = [support._binary[0], *map(str, self.words("mock", lambda name: str(folder / name)))]
                done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *words], env=support.environment(self.base), capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done)
                self.reference = getattr(self, "reference", None) or read_products(folder)
                self.assertEqual(read_products(folder), self.reference)
                self.assertEqual(len(support.read_group(folder / "o.h5")["id"]), 1500)


if __name__ == "__main__":
    LIBRARY[0] = os.path.abspath(sys.argv.pop(2))
    support.main()
