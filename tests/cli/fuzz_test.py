"""Damaged files end in a message, never in a crash: flipped bits and truncations, the same ones in every run."""
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

ITERATIONS = 100
AT_ONCE = 8        # a run spends most of its time in waiting for MPI to start
PATIENCE_S = 90  # the sanitizers are slow, and so are shared machines


def damage(content, random, places):
    """A truncation, a flipped bit, some random bytes, or a piece set to zeros or ones.

    places: the bytes that matter most (headers, metadata), hit four times of five.
    """
    content = bytearray(content)
    where = lambda: int(random.choice(places)) if random.random() < 0.8 else int(random.integers(len(content)))
    kind = random.integers(5)
    if kind == 0:
        return bytes(content[:random.integers(len(content))])
    if kind == 1 or kind == 2:
        for _ in range(random.integers(1, 4)):
            content[where()] ^= 1 << int(random.integers(8))
    if kind == 3:
        for _ in range(random.integers(1, 9)):
            content[where()] = int(random.integers(256))
    if kind == 4:
        at, size = where(), int(random.integers(1, 17))
        content[at:at + size] = bytes([int(random.choice([0, 255]))]) * len(content[at:at + size])
    return bytes(content)


class Fuzz(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", 300, "--seed", 9, "--spectroscopic", 0.5, "--output", cls.catalogue)
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.base / "survey.spec.h5", "--output", cls.model, "--dnf.neighbours", 10)
        random = np.random.default_rng(8)
        cls.columns = {"id": np.arange(20), "ra": random.uniform(0, 360, 20), "dec": random.uniform(-90, 90, 20),
                       "mag": random.normal(22, 1, 20).astype("f4"), "name": np.array([f"S{i}" for i in range(20)])}

    def run_one(self, number, name, content, words):
        """Runs skyfold on a damaged file in a folder of its own; returns what is wrong, or nothing."""
        folder = self.folder / str(number)
        folder.mkdir()
        (folder / name).write_bytes(content)
        command = [support._binary[0], *(str(word).replace("HERE", str(folder)) for word in words)]
        try:
            done = subprocess.run(command, env=support.environment(self.base), capture_output=True, timeout=PATIENCE_S, cwd=folder)
        except subprocess.TimeoutExpired:
            return self.keep(folder, f"did not end in {PATIENCE_S} s: {' '.join(command)}")
        result = support.Result(command, done.returncode, "", done.stderr.decode(errors="replace"))
        left = sorted(set(os.listdir(folder)) - {name})
        if result.code not in (0, 2, 3, 4):
            return self.keep(folder, str(result))
        if result.code != 0 and len(result.errors()) != 1:
            return self.keep(folder, f"one line is wanted\n{result}")
        if result.code != 0 and left:
            return self.keep(folder, f"left behind {left}\n{result}")
        shutil.rmtree(folder)
        return None

    def keep(self, folder, problem):
        """Keeps the file that did it, when the tester asks for it."""
        if kept := os.environ.get("SKYFOLD_KEEP_FUZZ"):
            shutil.copytree(folder, pathlib.Path(kept) / f"{self.id().split('.')[-1]}_{folder.name}", dirs_exist_ok=True)
        return f"iteration {folder.name}: {problem}"

    def fuzz(self, path, words, places=None, seed=0):
        """words(iteration) is the command line; HERE stands for the folder of the damaged file."""
        random = np.random.default_rng(seed)
        content, name = support.read_bytes(path), pathlib.Path(path).name
        places = np.arange(len(content)) if places is None else places
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            runs = [pool.submit(self.run_one, i, name, damage(content, random, places), words(i)) for i in range(ITERATIONS)]
            problems = [problem for problem in (run.result() for run in runs) if problem]
        self.assertEqual(len(problems), 0, f"{len(problems)} of {ITERATIONS}\n" + "\n".join(problems[:10]))

    def imports(self, path):
        name = pathlib.Path(path).name
        bad_rows = ("error", "drop")
        return lambda i: ["import", "--input", f"HERE/{name}", "--output", "HERE/c.h5", "--threads", 1, "--on-bad-row", bad_rows[i % 2]]

    def metadata(self, path):
        """Bytes of an HDF5 file that are not values of columns."""
        is_value = np.zeros(os.path.getsize(path), bool)

        def mark(_, item):
            if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
                is_value[item.id.get_offset():item.id.get_offset() + item.nbytes] = True

        with h5py.File(path, "r") as file:
            file.visititems(mark)
        return np.flatnonzero(~is_value)

    def test_fits_tables(self):
        path = support.make_fits(self.base / "table.fits", self.columns)
        content = support.read_bytes(path)
        header = np.concatenate([np.arange(80 * card, 80 * card + 40) for card in range(len(content) // 80)
                                 if content[80 * card:80 * card + 8].strip()])
        self.fuzz(path, self.imports(path), header[header < 5760], seed=1)

    def test_hdf5_tables(self):
        path = support.make_hdf5(self.base / "table.hdf5", {name: values for name, values in self.columns.items() if name != "name"})
        self.fuzz(path, self.imports(path), self.metadata(path), seed=2)

    def test_text_tables(self):
        path = support.make_csv(self.base / "table.csv", self.columns)
        self.fuzz(path, self.imports(path), seed=3)

    def test_catalogues(self):
        name = pathlib.Path(self.catalogue).name

        def words(i):
            if i % 3 == 0:
                return ["info", "--catalogue", f"HERE/{name}", *(["--json"] if i % 2 else [])]
            if i % 3 == 1:
                return ["plan", "--catalogue", f"HERE/{name}", "--partition.by", "healpix", "--partition.nside", 1024]
            return ["photoz", "--catalogue", f"HERE/{name}", "--model", self.model, "--output", "HERE/z.h5", "--fits", "HERE/z.fits",
                    "--partition.rows", 20, "--threads", 1]

        self.fuzz(self.catalogue, words, self.metadata(self.catalogue), seed=4)

    def test_indexes_of_catalogues(self):
        name = pathlib.Path(self.catalogue).name
        with h5py.File(self.catalogue, "r") as file:
            index = file["index/order5/first_row"]
            places = np.arange(index.id.get_offset(), index.id.get_offset() + index.nbytes)
        self.fuzz(self.catalogue, lambda i: ["plan", "--catalogue", f"HERE/{name}", "--partition.rows", 20], places, seed=5)

    def test_models(self):
        name = pathlib.Path(self.model).name
        self.fuzz(self.model, lambda i: ["photoz", "--catalogue", self.catalogue, "--model", f"HERE/{name}", "--output", "HERE/z.h5", "--pdf", "interp",
                                         "--threads", 1], self.metadata(self.model), seed=6)


if __name__ == "__main__":
    support.main()
