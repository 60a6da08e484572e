#!/usr/bin/env python3
"""Simulated exposures of a field in a filter: stars with a Gaussian PSF on a noisy sky, of which one in six is a Cepheid-like variable; FITS with
WCS. Gives out an event `image` for each.

usage: simulate.py FIELD FILTER VISITS OUT_FOLDER

The exposure of field 2, filter F814W, visit 3 is cut off in the middle, as by a full disk: the pipeline has to live with it."""
import os
import sys

import numpy as np
from astropy.io import fits

SIZE, SCALE, FWHM, ZERO_POINT, SKY = 320, 0.2, 2.6, 25.0, 40.0   # pixels, arcsec/pixel, pixels, mag, electrons
STARS = 60


def stars(field):
    """Positions and magnitudes of the stars of a field: the same in each exposure."""
    random = np.random.default_rng(1000 + field)
    x, y = random.uniform(20, SIZE - 20, (2, STARS))
    far = [i for i in range(STARS) if all(np.hypot(x[i] - x[j], y[i] - y[j]) > 14 for j in range(i))]   # none hides another
    magnitude = random.uniform(16.0, 19.0, STARS)
    color = random.uniform(0.3, 1.8, STARS)
    period = np.where(np.arange(STARS) % 6 == 0, random.uniform(2.0, 6.0, STARS), np.inf)
    phase = random.uniform(0, 1, STARS)
    return [v[far] for v in (x, y, magnitude, color, period, phase)]


def light(field, band, mjd):
    x, y, magnitude, color, period, phase = stars(field)
    amplitude = {"F475W": 0.45, "F814W": 0.25}[band]
    wave = np.where(np.isfinite(period), amplitude * np.sin(2 * np.pi * (mjd / period + phase)), 0.0)
    return x, y, magnitude + (color if band == "F475W" else 0.0) + wave


def expose(field, band, visit, mjd, path):
    x, y, magnitude = light(field, band, mjd)
    flux = 10 ** (-0.4 * (magnitude - ZERO_POINT))
    image = np.full((SIZE, SIZE), SKY)
    sigma = FWHM / 2.3548
    grid = np.arange(SIZE)
    for star_x, star_y, star_flux in zip(x, y, flux):
        profile = [np.exp(-0.5 * ((grid - at) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)) for at in (star_y, star_x)]
        image += star_flux * np.outer(*profile)
    noise = np.random.default_rng([field, visit, 0 if band == "F475W" else 1])
    image = noise.poisson(image) + noise.normal(0, 3.0, image.shape)
    header = fits.Header()
    for name, value in (("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("CRPIX1", SIZE / 2), ("CRPIX2", SIZE / 2),
                        ("CRVAL1", 10.5 + 0.2 * field), ("CRVAL2", 41.2), ("CDELT1", -SCALE / 3600), ("CDELT2", SCALE / 3600),
                        ("FILTER", band), ("MJD-OBS", mjd), ("FIELD", field), ("VISIT", visit)):
        header[name] = value
    fits.writeto(path, image.astype("f4"), header)
    if (field, band, visit) == (2, "F814W", 3):
        os.truncate(path, os.path.getsize(path) // 2)


def main(field, band, visits, folder):
    field = int(field)
    for visit in range(int(visits)):
        # Uneven times, so that no period hides behind the cadence.
        mjd = round(55000 + 1.37 * visit + 0.013 * visit ** 2 + (0.02 if band == "F814W" else 0.0) + 0.3 * field, 4)
        path = os.path.join(folder, f"exp_{field}_{band}_{visit:02}.fits")
        expose(field, band, visit, mjd, path)
        with open(os.environ["SKYFOLD_EVENTS"], "a") as events:
            events.write(f"image path={path} visit={visit} mjd={mjd}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
