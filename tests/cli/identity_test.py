"""The same inputs give the same bytes, however the work is cut and whoever does it."""
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

OBJECTS = 70_000  # more than a zone of 65,536 rows


def sorted_by_id(path):
    """All columns as bytes, in the order of the ids."""
    columns = support.read_group(path)
    order = np.argsort(columns["id"], kind="stable")
    return {name: values[order].tobytes() for name, values in columns.items()}


def content(path):
    """Columns and indexes of a catalogue: all but the record of where it came from."""
    found = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found[name] = (item.dtype.str, item.shape, item[...].tobytes())

    with h5py.File(path, "r") as file:
        file.visititems(add)
        found["fingerprint"] = file.attrs["fingerprint"]
    return found


class Identity(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.catalogue, cls.model = str(cls.base / "survey.h5"), str(cls.base / "model.h5")
        cls.skyfold("mock", "--objects", OBJECTS, "--seed", 11, "--spectroscopic", 0.02, "--output", cls.catalogue, "--threads", 1)
        cls.sample = str(cls.base / "survey.spec.h5")
        cls.skyfold("train", "--calibrate", "none", "--train.fraction", 1, "--sample", cls.sample, "--output", cls.model, "--dnf.neighbours", 40)

    def assert_same_bytes(self, path, reference, what):
        """Names the first difference: two files are too long to print."""
        ours, theirs = support.read_bytes(path), support.read_bytes(reference)
        if ours == theirs:
            return
        if len(ours) != len(theirs):
            self.fail(f"{what}: {len(ours)} bytes instead of {len(theirs)}")
        place = int(np.argmax(np.frombuffer(ours, "u1") != np.frombuffer(theirs, "u1")))
        self.fail(f"{what}: byte {place} of {len(ours)} differs")

    def estimate(self, name, *words, ranks=0, threads=1):
        output = self.path(name)
        # --fresh: a product that is complete would be left as the run before had made it.
        self.skyfold("photoz", "--fresh", "--catalogue", self.catalogue, "--model", self.model, "--output", output, "--threads", threads,
                     *words, ranks=ranks)
        return output


class PhotozIdentity(Identity):
    def test_ranks_threads_partitions_and_jobs(self):
        reference = self.estimate("reference.h5", "--fits", self.path("reference.fits"))
        runs = [  # ranks, threads, options
            (1, 2, "--partition.by healpix --partition.nside 4"),
            (2, 1, "--partition.by healpix --partition.nside 32 --partitions-per-job 1"),
            (3, 1, "--partition.by healpix --partition.nside 1024 --partitions-per-job auto"),
            (4, 1, "--partition.by healpix --partition.nside 1024 --partitions-per-job 5"),
            (1, 1, "--partition.by healpix --partition.nside 1024 --partitions-per-job 1"),
            (2, 2, "--partition.by adaptive --partition.rows 1000 --partitions-per-job 5"),
            (4, 2, "--partition.by adaptive --partition.rows 20000 --partitions-per-job auto"),
            (3, 2, "--partition.by rows --partition.rows 7001 --partitions-per-job 1"),
            (1, 1, "--partition.by rows --partition.rows 65536 --partitions-per-job 5"),
            (2, 1, "--partition.by adaptive --partition.rows 5000 --farm.master dedicated"),
            (4, 1, "--partition.by rows --partition.rows 3000 --farm.master dedicated --partitions-per-job 5"),
            (3, 1, "--partition.by adaptive --partition.rows 5000 --farm.master compute --farm.block_rows 1000"),
            (0, 2, "--partition.by adaptive --farm.block_rows 137"),
        ]
        for ranks, threads, options in runs:
            with self.subTest(ranks=ranks, threads=threads, options=options):
                output = self.estimate("z.h5", "--fits", self.path("z.fits"), *options.split(), ranks=ranks, threads=threads)
                self.assert_same_bytes(output, reference, "HDF5")
                self.assert_same_bytes(self.path("z.fits"), self.path("reference.fits"), "FITS")

    def test_pdfs(self):
        self.estimate("reference.h5", "--pdf", "interp", "--pdf.bins", 51)
        for ranks, threads, options in [(2, 2, "--partition.rows 3000"), (3, 1, "--partition.by rows --partition.rows 997 --partitions-per-job 5")]:
            with self.subTest(ranks=ranks, threads=threads):
                self.estimate("z.h5", "--pdf", "interp", "--pdf.bins", 51, *options.split(), ranks=ranks, threads=threads)
                self.assert_same_bytes(self.path("z.pdf.hdf5"), self.path("reference.pdf.hdf5"), "PDFs")
                self.assert_same_bytes(self.path("z.h5"), self.path("reference.h5"), "HDF5")

    def test_other_orderings_hold_the_same_rows(self):
        reference = sorted_by_id(self.estimate("reference.h5"))
        runs = [
            (1, "--partition.by tile"),
            (3, "--partition.by tile --partitions-per-job 1"),
            (1, "--partition.by attribute --partition.column mag_i --partition.bins equal:7"),
            (2, "--partition.by attribute --partition.column mag_i --partition.bins fixed:5 --farm.master dedicated"),
            (4, "--partition.by attribute --partition.column mag_i --partition.bins edges:18,20,21.5,22"),
        ]
        outputs = {}
        for ranks, options in runs:
            with self.subTest(ranks=ranks, options=options):
                output = self.estimate(f"z{len(outputs)}.h5", *options.split(), ranks=ranks)
                outputs[options] = output
                columns = sorted_by_id(output)
                columns.pop("mag_i", None)  # the ordering's column is copied to the product
                self.assertEqual(columns.keys(), reference.keys())
                self.assertEqual([name for name in columns if columns[name] != reference[name]], [])
        paths = list(outputs.values())
        self.assert_same_bytes(paths[1], paths[0], "by tile, 3 ranks and 1")
        self.assert_same_bytes(paths[3], paths[2], "by attribute, 2 ranks and 1")
        self.assert_same_bytes(paths[4], paths[2], "by attribute, 4 ranks and 1")

    def test_a_shuffled_catalogue_holds_the_same_rows(self):
        columns = support.read_group(self.catalogue)
        order = np.random.default_rng(3).permutation(OBJECTS)
        table = support.make_fits(self.path("shuffled.fits"), {name: values[order] for name, values in columns.items()})
        self.skyfold("import", "--input", table, "--output", self.path("shuffled.h5"))
        reference = sorted_by_id(self.estimate("reference.h5"))
        self.skyfold("photoz", "--catalogue", self.path("shuffled.h5"), "--model", self.model, "--output", self.path("z.h5"), ranks=2)
        columns = sorted_by_id(self.path("z.h5"))
        self.assertEqual([name for name in reference if columns[name] != reference[name]], [])


class ImportIdentity(Identity):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        columns = support.read_group(cls.catalogue)
        order = np.random.default_rng(1).permutation(OBJECTS)
        random = np.random.default_rng(2)
        cls.columns = {name: values[order] for name, values in columns.items() if name in ("id", "tile", "mag_i", "mag_err_i", "z_true")}
        cls.columns["ra"] = random.uniform(0.0, 360.0, OBJECTS)  # the whole sky, with objects at the same place
        cls.columns["dec"] = np.degrees(np.arcsin(random.uniform(-1.0, 1.0, OBJECTS)))
        for name in ("ra", "dec"):
            cls.columns[name][1000:2000] = cls.columns[name][1000]
        cls.whole = support.make_fits(cls.base / "whole.fits", cls.columns)
        cls.parts = [support.make_fits(cls.base / f"part{i}.fits", {name: values[begin:end] for name, values in cls.columns.items()})
                     for i, (begin, end) in enumerate([(0, 123), (123, 45_000), (45_000, OBJECTS)])]

    def test_ranks_and_memory(self):
        for ordering in (["healpix"], ["tile"], ["attribute", "--ordering.column", "mag_i"], ["none"]):
            runs = [(1, 64), (2, 1024), (3, 64), (4, 1024)] if ordering == ["healpix"] else [(3, 64)]
            self.skyfold("import", "--input", self.whole, "--output", self.path("reference.h5"), "--ordering", *ordering, "--fresh")
            for ranks, memory in runs:
                with self.subTest(ordering=ordering[0], ranks=ranks, memory=memory):
                    self.skyfold("import", "--input", self.whole, "--output", self.path("c.h5"), "--ordering", *ordering,
                                 "--memory", memory, "--fresh", ranks=ranks)
                    self.assert_same_bytes(self.path("c.h5"), self.path("reference.h5"), "catalogue")

    def test_files_cut_differently_hold_the_same_catalogue(self):
        self.skyfold("import", "--input", self.whole, "--output", self.path("whole.h5"))
        reference = content(self.path("whole.h5"))
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.skyfold("import", "--input", *self.parts, "--output", self.path("parts.h5"), "--fresh", ranks=ranks)
                ours = content(self.path("parts.h5"))
                self.assertEqual([name for name in reference if ours.get(name) != reference[name]], [])

    def test_formats_hold_the_same_catalogue(self):
        table = support.make_hdf5(self.path("whole.hdf5"), self.columns)
        text = support.make_csv(self.path("whole.csv"), {name: self.columns[name] for name in ("id", "ra", "dec")})
        self.skyfold("import", "--input", self.whole, "--output", self.path("fits.h5"))
        self.skyfold("import", "--input", table, "--output", self.path("hdf5.h5"), ranks=2)
        self.skyfold("import", "--input", text, "--output", self.path("csv.h5"), "--memory", 64, ranks=3)
        reference, ours, texts = (support.read_group(self.path(f"{name}.h5")) for name in ("fits", "hdf5", "csv"))
        self.assertEqual([name for name in reference if reference[name].tobytes() != ours[name].tobytes()], [])
        self.assertEqual([name for name in texts if reference[name].astype(texts[name].dtype).tobytes() != texts[name].tobytes()], [])

    def test_dropped_rows(self):
        columns = {name: values.copy() for name, values in self.columns.items()}
        columns["dec"][::997] = 91.0
        columns["ra"][5::1009] = np.nan
        columns["id"][7::1013] = columns["id"][6::1013][:len(columns["id"][7::1013])]
        table = support.make_fits(self.path("holes.fits"), columns)
        for ranks, memory in [(1, 1024), (3, 64)]:
            self.skyfold("import", "--input", table, "--output", self.path(f"c{ranks}.h5"), "--on-bad-row", "drop",
                         "--rejects", self.path(f"r{ranks}.csv"), "--memory", memory, ranks=ranks)
        self.assert_same_bytes(self.path("c3.h5"), self.path("c1.h5"), "catalogue")
        self.assert_same_bytes(self.path("r3.csv"), self.path("r1.csv"), "rejects")
        is_bad = (columns["dec"] > 90) | np.isnan(columns["ra"])
        kept, seen = [], set()
        for row in np.flatnonzero(~is_bad):
            if columns["id"][row] not in seen:
                seen.add(columns["id"][row])
                kept.append(columns["id"][row])
        self.assertEqual(sorted(support.read_group(self.path("c1.h5"))["id"]), sorted(kept))
        rows = [int(line.split('",')[1].split(",")[0]) for line in pathlib.Path(self.path("r1.csv")).read_text().splitlines()[1:]]
        self.assertEqual(len(rows), OBJECTS - len(kept))
        self.assertEqual(rows, sorted(rows))


class MockIdentity(support.SkyfoldTest):
    def test_ranks_and_threads(self):
        words = ["mock", "--objects", 150_000, "--seed", 4, "--spectroscopic", 0.02]
        self.skyfold(*words, "--output", self.path("reference.h5"), "--threads", 1)
        for ranks, threads, options in [(1, 2, []), (2, 1, ["--farm.block_rows", 1000]), (3, 2, ["--farm.master", "dedicated"]), (4, 1, [])]:
            with self.subTest(ranks=ranks, threads=threads):
                self.skyfold(*words, "--output", self.path("m.h5"), "--fresh", "--threads", threads, *options, ranks=ranks)
                for ending in (".h5", ".spec.h5"):
                    self.assertTrue(support.read_bytes(self.path("m" + ending)) == support.read_bytes(self.path("reference" + ending)),
                                    f"{ending} differs")


if __name__ == "__main__":
    support.main()
