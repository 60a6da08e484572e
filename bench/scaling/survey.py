"""A mock survey and a model for studies that run the real executable, made once in the study's folder."""
import pathlib

MODEL_SAMPLE = 20_000   # objects with redshift, half of which train


def prepare(launcher, folder, objects):
    """Paths of a catalogue of `objects` and of a model trained on its spectroscopic sample."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, model = folder / f"mock-{objects}.h5", folder / f"mock-{objects}.model.h5"
    common = ["--project", "none", "--product-log", "none"]
    if not catalogue.exists():
        launcher.run(2, "mock", "--objects", str(objects), "--seed", "1", "--spectroscopic", repr(min(0.5, MODEL_SAMPLE / objects)), "--threads", "1",
                     "--output", str(catalogue), *common)
    if not model.exists():
        launcher.run(0, "train", "--algorithms", "dnf", "--sample", str(catalogue.with_suffix(".spec.h5")), "--output", str(model), *common)
    return str(catalogue), str(model)


def photoz(launcher, folder, catalogue, model, ranks, threads, name, *words):
    """A photoz run from the start; its output path, wall seconds as mpirun's caller sees them, and standard output."""
    output = str(pathlib.Path(folder) / f"{name}.h5")
    seconds, text = launcher.run(ranks, "photoz", "--catalogue", catalogue, "--model", model, "--output", output, "--fits", output[:-3] + ".fits",
                                 "--threads", str(threads), "--fresh", "--project", "none", "--product-log", "none", *words)
    return output, seconds, text
