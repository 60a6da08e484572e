// Options of nz: PDFs, the sample and its bins, cells of redshift, errors, outputs.
#include "options.hpp"

#include <fmt/core.h>

#include <cmath>

#include "skyfold/core/error.hpp"

namespace skyfold {

void describe(OptionSet& option, NzOptions& o) {
  option("pdf", o.pdf, "PDFs of photoz (Z.pdf.hdf5)").required().layout();
  option("catalogue", o.catalogue, "table with more columns of the same objects: a catalogue, or any table that import reads").layout();
  option("bins", o.bins, "tomographic bins: column and ascending edges, as in 'z_phot: 0.2,0.43,0.63,0.9,1.3'").required();
  option("where", o.where, "condition that objects must meet (see docs/conditions.md)");
  option("weights", o.weights, "column of weights of the objects; empty: all count the same");
  option("point", o.point, "column of point estimates for their histogram; empty: that of the bins");
  option("truth", o.truth, "column of known redshifts; empty: guessed; none: none");
  option("join", o.join, "how rows of the catalogue belong to PDFs: row (the same order), id, or auto: row where ids agree")
      .one_of({"auto", "row", "id"});
  option("on-missing", o.missing, "PDFs without a row in the catalogue: error, or count them and go on").one_of({"error", "count"});
  option("output", o.output, "n(z) of all estimators, realisations and covariances, HDF5").required().layout().writes(FileKind::hdf5);
  option("text", o.text, "table of redshift and the n(z) of each bin, as CosmoSIS and CCL read it").layout().writes(FileKind::text);
  option("fits", o.fits, "the same as a FITS table NZ_SAMPLE").layout().writes(FileKind::fits);
  option("plot", o.plot, "figure, SVG").layout();
  option("estimator", o.estimator, "which n(z) --text and --fits have").one_of({"stack", "point", "draw", "truth", "training"});
  option("reference", o.reference,
         "n(z) that shifts and stretches are relative to: an estimator, or a table as --text writes; empty: truth, else none");
  option("seed", o.seed, "seed of bootstrap and draws");
  option("columns.id", o.id, "column of ids in the catalogue; empty: guessed");
  option("columns.ra", o.ra, "column of right ascension, for patches; empty: guessed; none: no patches");
  option("columns.dec", o.dec, "column of declination");
  option("z.min", o.zmin, "where the cells of redshift begin").range(-1.0, 100.0);
  option("z.max", o.zmax, "where they end; 0: at the end of the PDFs' grid, or at 3").range(0.0, 100.0);
  option("z.width", o.width, "width of a cell").range(1e-5, 10.0);
  option("bootstrap.realisations", o.realisations, "realisations of the bootstrap over objects; 0: none").range(0, 10'000);
  option("jackknife.nside", o.nside, "HEALPix NSide of the patches of the jackknife, a power of two; 0: none").range(0, 256);
  option("training.sample", o.training, "training sample with weights, for its weighted n(z)").layout();
  option("training.redshift", o.training_redshift, "its column of redshifts; empty: guessed");
  option("training.weight", o.training_weight, "its column of weights, where none are counted (training.space)");
  option(
      "training.space", o.training_space,
      "columns, or what is calculated of them, of the sample and of the objects: training objects are weighted in each bin by its objects "
      "around them; empty: by their column of weights, in the bin that their own column says");
  option("training.neighbours", o.training_neighbours, "neighbour that the ball around a training object reaches").range(1, 1000);
  option("training.id", o.training_id, "its column of ids; empty: guessed, or row numbers");
  option("training.seen", o.training_seen,
         "objects that are in the training sample, by their ids: weighted like all (alike), or at their own redshifts (own)")
      .one_of({"alike", "own"});
  describe(option, o.source);
}

void check(const NzOptions& o) {
  const NzOptions by_default;
  if (o.catalogue.empty())
    refuse_idle_options(
        "--catalogue",
        {{"join", o.join != by_default.join}, {"on-missing", o.missing != by_default.missing}, {"columns.id", !o.id.empty()}});
  if (o.training.empty())
    refuse_idle_options("--training.sample", {{"training.redshift", !o.training_redshift.empty()},
                                              {"training.weight", o.training_weight != by_default.training_weight},
                                              {"training.space", !o.training_space.empty()},
                                              {"training.id", !o.training_id.empty()}});
  if (o.training_space.empty())
    refuse_idle_options("--training.space", {{"training.neighbours", o.training_neighbours != by_default.training_neighbours},
                                             {"training.seen", o.training_seen != by_default.training_seen}});
  else if (o.training_weight != by_default.training_weight)
    throw UsageError("--training.weight: weights are counted where --training.space is given (leave one of them out)");
  if ((o.estimator == "training" || o.reference == "training") && o.training.empty())
    throw UsageError(fmt::format("--{} training without --training.sample", o.estimator == "training" ? "estimator" : "reference"));
  if (o.zmax != 0.0 && !(o.zmax > o.zmin)) throw UsageError(fmt::format("z.max = {} (must be > z.min = {})", o.zmax, o.zmin));
  if (o.nside != 0 && (o.nside & (o.nside - 1)) != 0)
    throw UsageError(fmt::format("jackknife.nside = {} (must be a power of two)", o.nside));
}

}  // namespace skyfold
