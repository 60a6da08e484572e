"""Pages in a real browser: Chromium without a window, driven by selenium. Tests that need it are skipped where it is not there."""
import shutil
import unittest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
except ImportError:
    webdriver = By = None

needed = unittest.skipUnless(webdriver and CHROMIUM and DRIVER, "needs python3-selenium, chromium and chromium-driver")


def start(folder):
    """A browser that keeps its files in `folder`, and its console's messages."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}/chromium"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(DRIVER), options=options)
