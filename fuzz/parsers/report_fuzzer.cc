// SPDX-License-Identifier: GPL-2.0-only
// The reader of run reports: any JSON document is refused, or becomes a page that is well-formed.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <string>

#include "fuzz/parsers/require.h"
#include "fuzz/run_report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr bool kThrows = false;
  const auto report = nlohmann::json::parse(data, data + size, nullptr, kThrows);
  if (report.is_discarded()) return 0;
  std::string page;
  try {
    page = capcheck::html_of(report);
  } catch (const nlohmann::json::exception&) {
    return 0;
  }
  pugi::xml_document document;
  capcheck::require(document.load_buffer(page.data(), page.size(), pugi::parse_default | pugi::parse_doctype),
                    "the page is well-formed");
  capcheck::require(document.select_nodes("//h2").size() == 7, "the page has its sections and no others");
  return 0;
}
