// Which redshift survey gave how much to a training set: a survey that is hardly matched has another astrometry, or lies elsewhere.
#include "by_survey.hpp"

#include <algorithm>
#include <map>

namespace skyfold {

std::vector<SurveyMatches> count_by_survey(const Table& sample, const std::vector<std::size_t>& matched, const Table& training) {
  std::map<std::string, SurveyMatches, std::less<>> counts;
  const auto at = [&](const Column& survey, std::size_t row) -> SurveyMatches& {
    const std::string_view name = survey.text(row);
    const auto known = counts.find(name);
    return known != counts.end() ? known->second : counts[std::string(name)];
  };
  // All surveys of the sample are listed, also one of which nothing was matched: that is what the table is for.
  const Column& survey = sample.at("survey");
  for (std::size_t row = 0; row < sample.rows(); ++row) ++at(survey, row).spectroscopic;
  for (const std::size_t row : matched) ++at(survey, row).matched;
  const auto z = training.at("z_spec").values<double>();
  for (std::size_t row = 0; row < training.rows(); ++row) {
    SurveyMatches& its = at(training.at("survey"), row);
    its.z_min = its.training == 0 ? z[row] : std::min(its.z_min, z[row]);
    its.z_max = its.training == 0 ? z[row] : std::max(its.z_max, z[row]);
    its.z_mean += z[row];  // the sum, until all are there
    ++its.training;
  }
  std::vector<SurveyMatches> list;
  for (auto& [name, its] : counts) {
    its.survey = name;
    if (its.training > 0) its.z_mean /= static_cast<double>(its.training);
    list.push_back(its);
  }
  return list;
}

}  // namespace skyfold
