// SPDX-License-Identifier: GPL-2.0-only
// What the pages have in common: one file each, without scripts, that may fetch nothing, legible in light and dark, on
// paper and on narrow screens. Colours are named for what they say, and a sign or a shape says the same.
#ifndef CAPCHECK_FUZZ_HTML_PAGE_H_
#define CAPCHECK_FUZZ_HTML_PAGE_H_

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace capcheck {

/// Appends an element with text. Everything is escaped when it is written.
pugi::xml_node add(pugi::xml_node parent, const char* name, std::string_view text = {},
                   const char* style_class = nullptr);

/// Sets an attribute.
void set(pugi::xml_node node, const char* attribute, std::string_view value);

/// A table with its heading, which scrolls where it does not fit; what is returned takes rows.
pugi::xml_node add_table(pugi::xml_node parent, const std::vector<std::string>& columns);

/// Makes a document a page, in the style that all have and its own, which is without "<", ">" and "&" (a browser reads
/// them there as they stand, and they would be escaped); what is returned is the body. Throws std::invalid_argument.
pugi::xml_node begin_page(pugi::xml_document& document, std::string_view title, std::string_view style = {});

/// The page as text.
std::string text_of_page(const pugi::xml_document& page);

}  // namespace capcheck

#endif
