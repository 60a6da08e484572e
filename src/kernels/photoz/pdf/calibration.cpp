// Where calibration changes PDFs. A model with a calibration that this program does not know is refused: its PDFs would be others.
#include "calibration.hpp"

#include "skyfold/core/error.hpp"

namespace skyfold {

bool is_calibrated(const PhotozModel& model) { return model.tables.contains(calibration_table); }

std::unique_ptr<RedshiftPdf> calibrated_pdf(const PhotozModel& model, std::unique_ptr<RedshiftPdf> /*pdf*/) {
  throw DataError(model.algorithm + ": the model has a calibration, which this version does not know (its PDFs would not be those meant)");
}

}  // namespace skyfold
