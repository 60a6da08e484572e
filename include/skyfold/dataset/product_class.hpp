#pragma once

namespace skyfold {

/// Classes of products: what a stage needs and gives. Raw tables have none ("").
namespace product_class {
inline constexpr const char* catalogue = "catalogue";
inline constexpr const char* spectroscopic_sample = "spectroscopic_sample";
inline constexpr const char* training_set = "training_set";
inline constexpr const char* photoz_model = "photoz_model";
inline constexpr const char* photoz_validation = "photoz_validation";
inline constexpr const char* photoz = "photoz";
inline constexpr const char* photoz_pdf = "photoz_pdf";
}  // namespace product_class

}  // namespace skyfold
