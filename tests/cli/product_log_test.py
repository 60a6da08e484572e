"""The product log in a real browser: no console error, every tab, every image, readable on a phone and on a wide screen."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent.parent))
import browser
import support
from browser import By


@browser.needed
class ProductLog(support.SkyfoldTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = browser.start(cls.base)
        cls.addClassCleanup(cls.browser.quit)
        at = lambda name: str(cls.base / name)
        cls.skyfold("mock", "--objects", 6000, "--seed", 3, "--spectroscopic", 0.4, "--output", at("survey.h5"))
        cls.skyfold("train", "--calibrate", "none", "--algorithms", "dnf", "--train.fraction", 0.6, "--sample", at("survey.spec.h5"), "--output", at("model.h5"))
        cls.skyfold("photoz", "--catalogue", at("survey.h5"), "--model", at("model.h5"), "--output", at("z.h5"), "--pdf", "interp", ranks=2)
        cls.skyfold("validate", "--sample", at("model.validation.h5"), "--models", at("model.h5"), "--output", at("v.h5"))

    def open(self, name, width=1200):
        self.browser.set_window_size(width, 900)
        self.browser.get((self.base / name).as_uri())
        self.assertEqual([entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"], [])

    def tabs(self):
        return self.browser.find_elements(By.CSS_SELECTOR, ".tabs > label")

    def test_every_tab_opens_and_every_image_is_there(self):
        for name in ("survey.html", "model.html", "z.html", "v.html"):
            self.open(name)
            titles = [tab.text for tab in self.tabs()]
            for title in ("summary", "configuration", "inputs and provenance", "timing", "log"):
                self.assertIn(title, titles, name)
            for index, tab in enumerate(self.tabs()):
                tab.click()
                shown = [panel for panel in self.browser.find_elements(By.CLASS_NAME, "panel") if panel.is_displayed()]
                self.assertEqual([panel.get_attribute("id") for panel in shown], [f"panel{index}"], (name, titles[index]))
                self.assertGreater(len(shown[0].text) + len(shown[0].find_elements(By.TAG_NAME, "img")), 0, (name, titles[index]))
                for image in shown[0].find_elements(By.TAG_NAME, "img"):
                    self.assertGreater(self.browser.execute_script("return arguments[0].complete ? arguments[0].naturalWidth : 0", image), 0, image.get_attribute("id"))
            self.assertEqual(self.browser.get_log("browser"), [], name)

    def test_results_have_plots(self):
        for name in ("model.html", "z.html", "v.html"):
            self.open(name)
            self.assertGreater(len(self.browser.find_elements(By.TAG_NAME, "img")), 1, name)

    def test_it_fits_a_phone_and_a_wide_screen(self):
        for width in (400, 1600):
            for name in ("model.html", "z.html", "v.html"):
                self.open(name, width)
                for tab in self.tabs():
                    tab.click()
                    inner, page = self.browser.execute_script("return [window.innerWidth, document.documentElement.scrollWidth]")
                    self.assertLessEqual(page, inner + 1, (name, width, tab.text))
                size = self.browser.execute_script("return parseFloat(getComputedStyle(document.body).fontSize)")
                self.assertGreaterEqual(size, 14)

    def test_dark_is_dark_and_light_is_light(self):
        brightness = "const c = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return c[0] + c[1] + c[2]"
        for scheme, is_dark in (("dark", True), ("light", False)):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            self.open("z.html")
            self.assertEqual(self.browser.execute_script(brightness) < 384, is_dark)

    def test_print_shows_all_tabs(self):
        self.open("z.html")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        panels = self.browser.find_elements(By.CLASS_NAME, "panel")
        self.assertTrue(all(panel.is_displayed() for panel in panels))
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    def test_it_needs_no_network_and_no_script(self):
        for path in pathlib.Path(self.base).glob("*.html"):
            text = path.read_text()
            self.assertNotIn("<script", text)
            for start in ('src="http', 'href="http', "url(http", "@import"):
                self.assertNotIn(start, text)

    def test_without_gnuplot_it_says_which_plots_are_missing(self):
        tools = self.base / "tools"
        tools.mkdir()
        environment = dict(support.environment(self.base), PATH=str(tools))
        subprocess.run([support._binary[0], "train", "--calibrate", "none", "--algorithms", "dnf", "--train.fraction", "0.6", "--sample", str(self.base / "survey.spec.h5"), "--output", str(self.base / "m2.h5")],
                       env=environment, check=True, capture_output=True)
        text = (self.base / "m2.html").read_text()
        self.assertIn("not drawn. Install gnuplot (Debian: gnuplot-nox)", text)
        self.assertNotIn("<img", text)


if __name__ == "__main__":
    support.main()
