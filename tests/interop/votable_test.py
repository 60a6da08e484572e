"""VOTables as astropy writes them: every serialisation gives the columns of the table, with units and missing values."""
import pathlib
import sys

import astropy.table
import h5py
import numpy as np
from astropy.io.votable import from_table, writeto

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

ROWS = 500


def table():
    random = np.random.default_rng(5)
    t = astropy.table.Table({"id": np.arange(ROWS) * 10**13, "ra": random.uniform(0, 360, ROWS), "dec": random.uniform(-90, 90, ROWS),
                             "mag": random.normal(22, 1, ROWS).astype("f4"), "count": random.integers(-9, 9, ROWS).astype("i2"), "n": random.integers(-9, 9, ROWS).astype("i4"),
                             "byte": random.integers(0, 255, ROWS).astype("u1"), "flag": random.random(ROWS) < 0.5, "shape": random.normal(size=(ROWS, 3)),
                             "name": [f"s {i} é" if i % 3 else "" for i in range(ROWS)]}, masked=True)
    t["mag"][::7] = np.nan
    t["n"].mask[::5] = True
    t["ra"].unit, t["mag"].unit, t["ra"].description = "deg", "mag", "Right <ascension>"
    return t


class Votables(support.SkyfoldTest):
    def write(self, name, form, t):
        votable = from_table(t)
        if form != "tabledata":   # there an empty cell says it
            votable.get_first_table().get_field_by_id_or_name("n").values.null = -999
        writeto(votable, self.path(name), tabledata_format=form)
        return self.path(name)

    def imported(self, path):
        pathlib.Path(self.path("c.h5")).unlink(missing_ok=True)
        self.result = self.skyfold("import", "--input", path, "--output", self.path("c.h5"), "--ordering", "none")
        return support.read_group(self.path("c.h5"))

    def test_every_serialisation_gives_the_same_columns(self):
        t = table()
        for form in ["tabledata", "binary2", "binary"]:
            with self.subTest(form):
                ours = self.imported(self.write(f"{form}.xml", form, t))
                for name in ["id", "ra", "dec", "mag", "count", "byte", "shape"]:
                    np.testing.assert_array_equal(ours[name], np.asarray(t[name]), name)
                np.testing.assert_array_equal(ours["flag"], np.asarray(t["flag"]).astype("u1"))
                self.assertEqual([text.decode() for text in ours["name"]], list(t["name"]))
                with h5py.File(self.path("c.h5")) as file:
                    attributes = dict(file["object/ra"].attrs)
                    self.assertEqual((attributes["unit"], attributes["description"]), ("deg", "Right <ascension>"))
                    null = int(file["object/n"].attrs["null"])
                    self.assertEqual(null, -2**31 if form == "tabledata" else -999)
                    np.testing.assert_array_equal(ours["n"], np.where(t["n"].mask, null, t["n"].filled(0)))

    def test_what_is_left_out_and_what_is_refused(self):
        head = '<VOTABLE><RESOURCE><TABLE><FIELD name="id" datatype="long"/>'
        data = "<DATA><TABLEDATA>{}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"

        def file(text):
            pathlib.Path(self.path("t.vot")).write_text(text)
            return self.path("t.vot")

        ours = self.imported(file(head + '<FIELD name="bits" datatype="bit" arraysize="8"/><FIELD name="many" datatype="float" arraysize="*"/>'
                                  + data.format("<TR><TD>1</TD><TD>01010101</TD><TD>1 2 3</TD></TR><TR><TD>0x</TD><TD/><TD/></TR>".replace("0x", "-2"))))
        self.assertEqual((list(ours["id"]), set(ours)), ([1, -2], {"id"}))
        self.assertIn("column bits is left out: has arrays of type bit", self.result.err)
        self.assertIn("column many is left out: has arrays of varying length", self.result.err)
        for text, words in [(head + data.format("<TR><TD>1</TD></TR><TR><TD>x1</TD></TR>"), "t.vot, row 2, column id: 'x1' is no value of type long"),
                            (head + data.format("<TR><TD>1</TD><TD>2</TD></TR>"), "row 1 has more than 1 cells"),
                            (head + data.format("<TR></TR>"), "row 1 has 0 cells, but there are 1 columns"),
                            (head + data.format("<TR><TD>9223372036854775808</TD></TR>"), "'9223372036854775808' is no value of type long"),
                            (head + data.format("<TR><TD>1</TD></TR>")[:-20], "line 1: "),
                            (head + '<FIELD name="a" datatype="quad"/>' + data.format(""), "column a: datatype = 'quad'"),
                            (head + '<FIELD name="a" datatype="int" arraysize="-1"/>' + data.format(""), "column a: arraysize = '-1'"),
                            (head + '<FIELD name="id" datatype="int"/>' + data.format("<TR><TD>1</TD><TD>2</TD></TR>"), "two columns are named 'id'"),
                            (head + '<DATA><FITS><STREAM href="a.fits"/></FITS></DATA></TABLE></RESOURCE></VOTABLE>', "its rows are FITS"),
                            (head + '<DATA><BINARY2><STREAM href="http://x/y"/></BINARY2></DATA></TABLE></RESOURCE></VOTABLE>', "in another file"),
                            (head + '<DATA><BINARY2><STREAM encoding="gzip">AA</STREAM></BINARY2></DATA></TABLE></RESOURCE></VOTABLE>', "encoded by 'gzip'"),
                            (head + '<DATA><BINARY2><STREAM encoding="base64">AAAA!</STREAM></BINARY2></DATA></TABLE></RESOURCE></VOTABLE>', "'!' is no base64"),
                            (head + '<DATA><BINARY2><STREAM encoding="base64">AAAA</STREAM></BINARY2></DATA></TABLE></RESOURCE></VOTABLE>', "end within row 1"),
                            ("<VOTABLE><RESOURCE/></VOTABLE>", "without a table")]:
            result = self.run_skyfold("import", "--input", file(text), "--output", self.path("d.h5"), "--ordering", "none")
            self.assertEqual((result.code, len(result.errors())), (3, 1), str(result))
            self.assertIn(words, result.errors()[0])


if __name__ == "__main__":
    support.main()
