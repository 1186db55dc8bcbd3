// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/html_page.h"

#include <sstream>
#include <stdexcept>

namespace capcheck {
namespace {

/// Each colour has a light and a dark value.
constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1a1a1a; --faint: #5a6070; --line: #ccd; --good: #14692b; --bad: #a3190b;
        --back: #fff; --band: #f4f5f8; --mark: #2458a8; --on-mark: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --faint: #98a0ad; --line: #3a404a; --good: #6fcf8b; --bad: #ff8f80; --back: #15181d;
          --band: #1d2129; --mark: #7fb0ff; --on-mark: #10131a; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); margin: 2rem auto;
       max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; }
th, td { text-align: left; padding: .15rem .7rem .15rem 0; vertical-align: top; }
th { color: var(--faint); font-weight: 600; } tbody tr:nth-child(even) { background: var(--band); }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .85em ui-monospace, monospace; } .good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; }
.faint { color: var(--faint); } pre { white-space: pre-wrap; font: .8rem/1.35 ui-monospace, monospace; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--faint); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--line); } svg .curve { stroke: var(--mark); fill: none; stroke-width: 1.6; }
@media print {
  :root { --ink: #000; --faint: #444; --line: #aaa; --good: #14692b; --bad: #a3190b; --back: #fff; --band: #f1f1f4;
          --mark: #2458a8; --on-mark: #fff; color-scheme: light; }
  body { margin: 0; max-width: none; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } .scroll { overflow: visible; } }
)";

}  // namespace

pugi::xml_node add(pugi::xml_node parent, const char* name, std::string_view text, const char* style_class) {
  pugi::xml_node node = parent.append_child(name);
  if (style_class) node.append_attribute("class") = style_class;
  if (!text.empty()) node.append_child(pugi::node_pcdata).set_value(std::string(text).c_str());
  return node;
}

void set(pugi::xml_node node, const char* attribute, std::string_view value) {
  node.append_attribute(attribute) = std::string(value).c_str();
}

pugi::xml_node add_table(pugi::xml_node parent, const std::vector<std::string>& columns) {
  pugi::xml_node table = add(add(parent, "div", {}, "scroll"), "table");
  pugi::xml_node row = add(add(table, "thead"), "tr");
  for (const std::string& column : columns) set(add(row, "th", column), "scope", "col");
  return add(table, "tbody");
}

pugi::xml_node begin_page(pugi::xml_document& document, std::string_view title, std::string_view style) {
  if (style.find_first_of("<>&") != std::string_view::npos) throw std::invalid_argument("a style with < > or &");
  document.append_child(pugi::node_doctype).set_value("html");
  pugi::xml_node html = document.append_child("html");
  set(html, "lang", "en");
  pugi::xml_node head = add(html, "head");
  set(add(head, "meta"), "charset", "utf-8");
  pugi::xml_node policy = add(head, "meta");
  set(policy, "http-equiv", "Content-Security-Policy");
  set(policy, "content", "default-src 'none'; style-src 'unsafe-inline'");
  pugi::xml_node viewport = add(head, "meta");
  set(viewport, "name", "viewport");
  set(viewport, "content", "width=device-width, initial-scale=1");
  add(head, "title", title);
  add(head, "style", std::string(kStyle) + std::string(style));
  return add(html, "body");
}

std::string text_of_page(const pugi::xml_document& page) {
  std::ostringstream out;
  page.save(out, "", pugi::format_raw | pugi::format_no_declaration | pugi::format_no_empty_element_tags);
  return out.str();
}

}  // namespace capcheck
