"""How inputs are named, opened and refused, the same in every command; ids that are no plain whole numbers."""
import bz2
import gzip
import os
import pathlib
import subprocess
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

ROWS = 30


class Inputs(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(11)
        cls.columns = {"id": np.arange(1, ROWS + 1), "ra": random.uniform(0, 360, ROWS), "dec": random.uniform(-80, 80, ROWS),
                       "flux": random.normal(size=ROWS)}
        cls.csv = support.make_csv(cls.base / "good.csv", cls.columns)
        cls.catalogue = str(cls.base / "good.h5")
        cls.skyfold("import", "--input", cls.csv, "--output", cls.catalogue)

    def imported(self, *inputs, options=()):
        result = self.skyfold("import", "--input", *inputs, "--output", self.path("o.h5"), "--fresh", *(options if "--ordering" in options else ("--ordering", "none", *options)))
        return support.read_group(self.path("o.h5")), result

    def write(self, name, text):
        pathlib.Path(self.path(name)).write_text(text)
        return self.path(name)

    # --- names -----------------------------------------------------------------------------------

    def test_a_list_is_split_only_where_no_file_has_the_whole_name(self):
        for name in ("a.csv", "b.csv", "a,b.csv", "x, y.csv", "[z].csv"):
            pathlib.Path(self.path(name)).write_text(f"id,x\n{len(name)},1.5\n")
        for words, expected in (([self.path("a,b.csv")], [7]), ([self.path("a.csv") + "," + self.path("b.csv")], [5, 5]),
                                ([self.path("a.csv"), self.path("a,b.csv")], [5, 7]), ([self.path("x, y.csv")], [8]), ([self.path("[z].csv")], [7])):
            ours, _ = self.imported(*words, options=("--columns.id", "none"))
            self.assertEqual(ours["id"].tolist(), expected, words)

    # --- refusals --------------------------------------------------------------------------------

    COMMANDS = {
        "import": ("--input", "{}", "--output", "OUT/o.h5"),
        "info": ("--catalogue", "{}"),
        "plan": ("--catalogue", "{}"),
        "photoz": ("--catalogue", "{}", "--model", "{}", "--output", "OUT/z.h5"),
        "train": ("--sample", "{}", "--output", "OUT/m.h5"),
        "validate": ("--sample", "{}", "--models", "{}", "--output", "OUT/v.h5"),
        "locus": ("--list", "{}", "--root", ".", "--output", "OUT/l.h5"),
        "patch": ("--sources", "{}", "--maps", "{}", "--output", "OUT/p.h5"),
        "match": ("--spec", "{}", "--catalogue", "GOOD", "--output", "OUT/t.h5"),
        "map info": ("{}",),
    }

    def refused(self, path, code, pattern, commands=None):
        out = pathlib.Path(self.path("out"))
        out.mkdir(exist_ok=True)
        for command in commands or self.COMMANDS:
            words = [word.replace("OUT", str(out)).replace("GOOD", self.catalogue).format(path) for word in self.COMMANDS[command]]
            result = self.run_skyfold(*command.split(), *words, timeout=60)
            self.assertEqual(result.code, code, result)
            self.assertRegex(result.errors()[0], pattern)
            self.assertEqual(list(out.iterdir()), [], command)

    def test_compressed_files_end_alike_in_every_command(self):
        for name, pack, hint in (("t.csv.gz", gzip.compress, "gunzip"), ("t.h5.bz2", bz2.compress, "bunzip2")):
            pathlib.Path(self.path(name)).write_bytes(pack(support.read_bytes(self.csv)))
            self.refused(self.path(name), 4, f"{name}: is .*compressed .decompress it first, with {hint}",
                         None if name.endswith("gz") else ("import", "train", "info"))

    def test_pipes_end_alike_in_every_command(self):
        os.mkfifo(self.path("t.csv"))
        self.refused(self.path("t.csv"), 2, "t.csv is a pipe, not a file .*save it to a file first")

    def test_a_configuration_may_come_from_a_pipe(self):
        command = (f"{support._binary[0]} import --config <(printf 'ordering = none\\ncolumns.id = none\\n') --input {self.csv} "
                   f"--output {self.path('o.h5')}")
        done = subprocess.run(["bash", "-c", command], env=support.environment(self.base), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(support.read_group(self.path("o.h5"))["row_id"].tolist(), list(range(ROWS)))

    def test_a_configuration_that_nobody_writes_can_be_given_up(self):
        os.mkfifo(self.path("silent.ini"))
        process = subprocess.Popen([support._binary[0], "import", "--config", self.path("silent.ini")], env=support.environment(self.base))
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.terminate()
        self.assertEqual(process.wait(timeout=30), -15)

    def test_a_row_of_other_cells_has_no_column(self):
        path = self.write("t.csv", "id,ra,dec,z\n1,10,20,0.5,9\n2,11,21,0.6\n")
        for words in (("train", "--calibrate", "none", "--sample", path, "--bands", "z", "--bands.magnitude", "{band}", "--redshift", "z"),
                      ("validate", "--sample", path, "--estimates", path, "--redshift", "z", "--magnitude", "none")):
            result = self.run_skyfold(*words, "--output", self.path("o.h5"))
            self.assertEqual(result.code, 3, result)
            self.assertRegex(result.errors()[0], r"t\.csv, row 1: 5 cells instead of 4$")

    def test_a_pipe_of_the_shell_is_told_apart(self):
        done = subprocess.run(["bash", "-c", f"cat {self.csv} | {support._binary[0]} import --input /dev/stdin --output {self.path('o.h5')}"],
                              env=support.environment(self.base), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"is a pipe", done.stderr)
        done = subprocess.run(["bash", "-c", f"{support._binary[0]} import --input /dev/stdin --output {self.path('o.h5')} < {self.csv}"],
                              env=support.environment(self.base), capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

    # --- many ------------------------------------------------------------------------------------

    def test_more_inputs_than_files_may_be_open(self):
        files = 150
        for kind, make in (("csv", support.make_csv), ("fits", support.make_fits), ("hdf5", support.make_hdf5)):
            names = [make(pathlib.Path(self.path(f"{i}.{kind}")), {"id": np.arange(2) + 2 * i, "x": np.array([i, -i], dtype="f8")}) for i in range(files)]
            self.write(f"{kind}.txt", "\n".join(names) + "\n")
            done = subprocess.run(["bash", "-c", f"ulimit -n 120; {support._binary[0]} import --input @{self.path(kind + '.txt')} --ordering none --output "
                                   f"{self.path(kind + '.o.h5')}"], env=support.environment(self.base), capture_output=True, timeout=100)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertEqual(support.read_group(self.path(f"{kind}.o.h5"))["id"].tolist(), list(range(2 * files)))

    def test_wide_tables(self):
        columns = 3000
        names = [f"c{i}" for i in range(columns)]
        path = self.write("t.csv", "id,ra,dec," + ",".join(names) + "\n" + "".join(f"{r},{10 + r}.5,{r}.25," + ",".join(f"{r}.5" for _ in names) + "\n" for r in range(2)))
        self.skyfold("import", "--input", path, "--output", self.path("o.h5"))
        with h5py.File(self.path("o.h5"), "r") as file:
            self.assertEqual(len(file["object"]), columns + 4)
            self.assertEqual(sorted(file["object/c2999"][...].tolist()), [0.5, 1.5])
        self.assertIn("c2999", self.skyfold("info", "--catalogue", self.path("o.h5")).out)

    # --- ids -------------------------------------------------------------------------------------

    def table_of_ids(self, kind, ids):
        if kind == "csv":
            return self.write("t.csv", "id,x\n" + "".join(f"{i},1.5\n" for i in ids))
        values = {"id": np.array([float(i) for i in ids]), "x": np.zeros(len(ids))}
        return (support.make_fits if kind == "fits" else support.make_hdf5)(pathlib.Path(self.path(f"t.{kind}")), values)

    def test_ids_that_are_whole_real_numbers_are_read_exactly(self):
        for kind in ("csv", "fits", "hdf5"):
            ours, result = self.imported(self.table_of_ids(kind, ["7.0", "1.2e3", "9007199254740991.0"]))
            self.assertEqual(ours["id"].dtype, np.dtype("<i8"), kind)
            self.assertEqual(ours["id"].tolist(), [7, 1200, 2**53 - 1], kind)
            self.assertIn("read as whole numbers", result.err)

    def test_ids_that_lost_digits_are_left_out_or_refused(self):
        for kind in ("csv", "fits", "hdf5"):
            path = self.table_of_ids(kind, ["7.0", "1.23E18", "8.0"])
            ours, result = self.imported(path)
            self.assertEqual(ours["row_id"].tolist(), [0, 1, 2], kind)
            self.assertEqual(ours["id"].tolist(), [7.0, 1.23e18, 8.0], kind)
            self.assertRegex(result.err, r"column id is not used as ids \(.*, row 2: 1.23e\+18 is not sure to have all its digits\)")
            refused = self.run_skyfold("import", "--input", path, "--output", self.path("r.h5"), "--ordering", "none", "--columns.id", "id")
            self.assertEqual(refused.code, 3, refused)
            self.assertIn("row 2, column id", refused.err)

    def test_no_id_column(self):
        path = self.write("t.csv", "id,x\n1,2\n1,3\n")
        ours, _ = self.imported(path, options=("--columns.id", "none"))
        self.assertEqual(ours["row_id"].tolist(), [0, 1])
        self.assertEqual(ours["id"].tolist(), [1, 1])

    # --- types -----------------------------------------------------------------------------------

    def test_a_column_without_values_takes_the_type_of_other_inputs(self):
        a = self.write("a.csv", "id,n,x,s\n1,,NA,\n2,,NA,--\n")
        b = self.write("b.csv", "id,n,x,s\n3,5,2.5,abc\n4,6,3.5,d\n")
        for order in ((a, b), (b, a)):
            ours, _ = self.imported(*order)
            rows = np.argsort(ours["id"])
            self.assertEqual(ours["s"][rows].tolist(), [b"", b"", b"abc", b"d"])
            np.testing.assert_array_equal(ours["x"][rows], [np.nan, np.nan, 2.5, 3.5])
            self.assertEqual(ours["n"].dtype, np.dtype("<i8"))
            with h5py.File(self.path("o.h5"), "r") as file:
                null = int(file["object/n"].attrs["null"])
            self.assertEqual(ours["n"][rows].tolist(), [null, null, 5, 6])

    def test_names_of_tiles_may_have_line_feeds(self):
        names = ['"a\nb"', "b", "c"]
        path = self.write("t.csv", "id,ra,dec,tile\n" + "".join(f"{i},{i % 7},{i % 5},{names[i % 3]}\n" for i in range(90)))
        ours, _ = self.imported(path, options=("--ordering", "tile"))
        self.assertEqual(ours["tile"].tolist(), [b"a\nb"] * 30 + [b"b"] * 30 + [b"c"] * 30)


if __name__ == "__main__":
    support.main()
