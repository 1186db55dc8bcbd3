// SPDX-License-Identifier: GPL-2.0-only
// What a browser makes of pages is page_test.sh's to ask; here, what is in them.
#include "fuzz/trace_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <stdexcept>
#include <string>

#include "fuzz/html_page.h"

namespace capcheck {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Task 0 loses a capability and makes another task, in a namespace of its own, which has all.
ShownTrace small_trace() {
  ShownTrace trace{.name = "small.trace",
                   .intent = "It shows <what> it shows.",
                   .profile = {.features = {.userns = true}},
                   .program = {{{CallKind::capbset_drop, 0, {CAP_CHOWN}},
                                {CallKind::clone, 0, {CLONE_NEWUSER}},
                                {CallKind::capbset_drop, 1, {99}}}},
                   .seen = {},
                   .explanations = {},
                   .namespaces = {},
                   .divergence = {}};
  trace.seen = run_model(trace.profile, trace.program);
  ExplainedRun run(trace.profile);
  for (const Call<Concrete>& call : trace.program.calls) {
    trace.explanations.push_back(explain(trace.profile, run.step(call)));
  }
  trace.namespaces = {run.world().namespaces[0], run.world().namespaces[1]};
  return trace;
}

pugi::xml_document parsed(const std::string& page) {
  pugi::xml_document document;
  if (!document.load_string(page.c_str(), pugi::parse_default | pugi::parse_doctype)) {
    throw std::runtime_error("not well-formed: " + page);
  }
  return document;
}

std::size_t count(const pugi::xml_document& page, const char* path) {
  return page.select_nodes(path).size();
}

TEST(TracePage, HasAMatrixLanesAndARuleForEachChange) {
  const std::string text = html_of(small_trace());
  const pugi::xml_document page = parsed(text);
  // Of each task: the capability that differs, and the rest.
  EXPECT_EQ(count(page, "//th[@scope='row' and text()='CAP_CHOWN']"), 2u);
  EXPECT_EQ(count(page, "//th[@scope='row' and text()='40 others, alike']"), 2u);
  EXPECT_EQ(count(page, "//rect[@class='lane']"), 2u);
  EXPECT_EQ(count(page, "//path[@class='task']"), 2u);
  EXPECT_EQ(count(page, "//circle[@class='call']"), 2u);
  EXPECT_EQ(count(page, "//circle[@class='call failed']"), 1u);
  EXPECT_EQ(count(page, "//s[@class='letter lost' and text()='X']"), 1u);
  EXPECT_EQ(count(page, "//b[@class='letter gained' and text()='X']"), 1u);  // in t1, of its creator's
  for (const pugi::xpath_node& changed : page.select_nodes("//td[@tabindex]")) {
    EXPECT_GT(changed.node().select_nodes("span[@class='tip']//code").size(), 1u) << "no rule";
  }
  EXPECT_EQ(count(page, "//td[@class='cell' and not(@tabindex)]/*[contains(@class, 'gained')]"), 0u);
  EXPECT_EQ(count(page, "//li[@class='call-item']"), 3u);
  EXPECT_THAT(text, HasSubstr("It shows &lt;what&gt; it shows."));
  EXPECT_THAT(text, HasSubstr("cap_prctl_drop: X' = X ∖ {CAP_CHOWN}"));
  EXPECT_THAT(text, Not(HasSubstr("http:")));
  EXPECT_THAT(text, Not(HasSubstr("<script")));
  EXPECT_THAT(text, Not(HasSubstr("parts from the model")));
}

TEST(TracePage, MarksWhereAKernelParts) {
  ShownTrace trace = small_trace();
  trace.divergence = {"some kernel", "result of call 3", 2, {"a term"}};
  const pugi::xml_document page = parsed(html_of(trace));
  EXPECT_EQ(count(page, "//th//span[text()='≠ kernel']"), 1u);
  EXPECT_EQ(count(page, "//li[@id='call-3']//div[@class='parts']//code[text()='a term']"), 1u);
}

TEST(TracePage, OfNoCallsIsTheStart) {
  ShownTrace trace = small_trace();
  trace.program = {};
  trace.seen = run_model(trace.profile, trace.program);
  trace.explanations.clear();
  EXPECT_EQ(count(parsed(html_of(trace)), "//th[text()='all 41, alike']"), 1u);
}

TEST(HtmlPage, RefusesAStyleThatWouldBeEscaped) {
  pugi::xml_document document;
  EXPECT_THROW(begin_page(document, "title", "a > b {}"), std::invalid_argument);
}

}  // namespace
}  // namespace capcheck
