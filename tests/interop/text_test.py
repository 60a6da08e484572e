"""Text tables of other programs, and cells that are no plain numbers, against astropy and numpy."""
import pathlib
import sys

import numpy as np
from astropy.table import Table

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import support

ROWS = 40


class Text(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = np.random.default_rng(3)
        cls.ra, cls.dec = np.round(random.uniform(0, 360, ROWS), 6), np.round(random.uniform(-80, 80, ROWS), 6)
        cls.mag = np.round(random.uniform(18, 24, ROWS), 3)

    def imported(self, path, *words):
        result = self.skyfold("import", "--input", path, "--output", self.path("o.h5"), "--ordering", "none", *words)
        return support.read_group(self.path("o.h5")), result

    def write(self, name, text):
        pathlib.Path(self.path(name)).write_text(text)
        return self.path(name)

    def csv(self, **cells):
        """A table whose column mag has other texts in some rows."""
        mag = [repr(value) for value in self.mag.tolist()]
        for row, text in cells.items():
            mag[int(row[1:])] = text
        rows = [f"{i},{self.ra[i]},{self.dec[i]},{mag[i]}" for i in range(ROWS)]
        return self.write("t.csv", "\n".join(["id,ra,dec,mag", *rows]) + "\n")

    def test_words_for_missing_and_numbers_of_fortran_leave_a_column_of_numbers(self):
        cells = {"r0": "NA", "r3": "N/A", "r5": "None", "r8": "null", "r9": "-", "r11": "*****", "r20": "1.5D+01", "r39": "1e-400"}
        ours, result = self.imported(self.csv(**cells))
        expected = self.mag.copy()
        expected[[0, 3, 5, 8, 9, 11]] = np.nan
        expected[20], expected[39] = 15.0, 0.0
        self.assertEqual(ours["mag"].dtype, np.dtype("<f8"))
        np.testing.assert_array_equal(ours["mag"], expected)
        self.assertIn("columns of type i8: id\n", result.err)
        self.assertIn("columns of type f8: ra, dec, mag\n", result.err)

    def test_blanks_within_quotes_are_no_part_of_numbers_or_of_the_end_of_texts(self):
        rows = [f'"{i:>6}"," {self.ra[i]} ","{"   " if i == 4 else self.dec[i]}","  ab{i} "' for i in range(ROWS)]
        ours, _ = self.imported(self.write("q.csv", "\n".join(["id,ra,x,t", *rows]) + "\n"))
        np.testing.assert_array_equal(ours["id"], np.arange(ROWS))
        np.testing.assert_array_equal(ours["ra"], self.ra)
        np.testing.assert_array_equal(ours["x"], np.where(np.arange(ROWS) == 4, np.nan, self.dec))
        self.assertEqual(ours["t"].tolist(), [f"  ab{i}".encode() for i in range(ROWS)])

    def test_a_number_beyond_64_bits_that_makes_a_column_text_is_said(self):
        rows = [f"{i},{'99999999999999999999' if i == 30 else i}" for i in range(ROWS)]
        ours, result = self.imported(self.write("l.csv", "\n".join(["id,n", *rows]) + "\n"))
        self.assertEqual(ours["n"][30], b"99999999999999999999")
        self.assertIn("column n is text, since 1 of its 40 whole numbers is beyond 64 bits, such as 99999999999999999999 in row 31", result.err)
        _, result = self.imported(self.write("all.csv", "id,n\n1,99999999999999999999\n2,99999999999999999998\n"), "--fresh")
        self.assertNotIn("column n is text", result.err)

    def test_a_line_that_given_names_replace_is_said(self):
        ours, result = self.imported(self.write("h.csv", "a1,b1\na2,b2\na3,b3\n"), "--input.columns", "x,y")
        self.assertEqual(ours["x"].tolist(), [b"a2", b"a3"])
        self.assertIn("h.csv: the first line is taken for a header, which --input.columns replaces: 'a1,b1'", result.err)

    def test_an_odd_cell_is_an_error_or_a_dropped_row(self):
        path = self.csv(r6="faint", r30="1e400")
        result = self.run_skyfold("import", "--input", path, "--output", self.path("o.h5"))
        self.assertEqual(result.code, 3, result)
        self.assertIn("row 7, column mag: 'faint' is not a number", result.err)
        ours, _ = self.imported(path, "--on-bad-row", "drop")
        np.testing.assert_array_equal(ours["mag"], np.delete(self.mag, [6, 30]))
        ours, _ = self.imported(path, "--input.text", "mag")
        self.assertEqual(ours["mag"][6], b"faint")
        self.assertEqual(ours["mag"][7], repr(self.mag[7].item()).encode())

    def test_catalogues_of_sextractor_are_read_as_astropy_reads_them(self):
        header = """#   1 NUMBER          Running object number
#   2 ALPHA_J2000     Right ascension of barycenter (J2000)                     [deg]
#   3 DELTA_J2000     Declination of barycenter (J2000)                         [deg]
#   4 MAG_APER        Fixed aperture magnitude vector                           [mag]
#   7 FLAGS           Extraction flags
"""
        rows = [f"{i + 1:8d} {self.ra[i]:11.6f} {self.dec[i]:+11.6f} {self.mag[i]:8.3f} {self.mag[i] + 1:8.3f} {self.mag[i] + 2:8.3f} {i % 4:3d}\n"
                for i in range(ROWS)]
        path = self.write("t.cat", header + "".join(rows))
        theirs = Table.read(path, format="ascii.sextractor")
        ours, _ = self.imported(path)
        for name in theirs.colnames:
            np.testing.assert_array_equal(ours[name], theirs[name], name)
        catalogue = self.skyfold("info", "--catalogue", self.path("o.h5")).out
        self.assertRegex(catalogue, r"MAG_APER_2\s+f8\s+mag")
        self.assertIn("Right ascension of barycenter (J2000)", catalogue)

    def test_tables_of_vizier_have_units_and_no_lines_of_dashes(self):
        lines = ["#", "#   VizieR Astronomical Server", "#Coosys\tJ2000:\teq_FK5 J2000", "RAJ2000\tDEJ2000\tgmag\tCl", "deg\tdeg\tmag\t", "----------\t----------\t------\t-"]
        lines += [f" {self.ra[i]:10.6f}\t{self.dec[i]:+10.6f}\t{'      ' if i == 4 else f'{self.mag[i]:6.3f}'}\t{'AB'[i % 2]}" for i in range(ROWS)]
        ours, result = self.imported(self.write("t.tsv", "\n".join([*lines, "", "#END#"]) + "\n"))
        expected = self.mag.copy()
        expected[4] = np.nan
        np.testing.assert_array_equal(ours["RAJ2000"], self.ra)
        np.testing.assert_array_equal(ours["gmag"], expected)
        self.assertEqual(ours["Cl"][1], b"B")
        self.assertIn("units are those of the line above the dashes", result.err)

    def test_prose_is_no_header(self):
        for prose, rows in (("stars of the field", "1 10 20 30\n2 11 21 31\n"), ("ra, dec from Gaia, mags from DES, v2", "1,10,20,30\n2,11,21,31\n")):
            result = self.run_skyfold("import", "--input", self.write("t.txt", f"# {prose}\n{rows}"), "--output", self.path("o.h5"))
            self.assertEqual(result.code, 3, result)
            self.assertIn(f"does not name columns: '{prose}' (--input.columns=", result.err)
        ours, _ = self.imported(self.write("n.txt", "# Object ID,RA (deg),Dec (deg),mag in g\n1,10,20,30\n2,11,21,31\n"))
        self.assertIn("mag in g", ours)

    def test_numbered_names_out_of_order_are_refused(self):
        result = self.run_skyfold("import", "--input", self.write("t.cat", "# 2 ra\n# 1 id\n# 3 dec\n# 4 mag\n1 10 20 30\n2 11 21 31\n"),
                                  "--output", self.path("o.h5"))
        self.assertEqual(result.code, 3, result)
        self.assertIn("(--input.columns gives other names)", result.err)


if __name__ == "__main__":
    support.main()
