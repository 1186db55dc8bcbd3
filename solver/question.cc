// SPDX-License-Identifier: GPL-2.0-only
#include "solver/question.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <iterator>
#include <memory>
#include <system_error>
#include <tao/pegtl.hpp>
#include <tao/pegtl/contrib/parse_tree.hpp>
#include <tuple>
#include <utility>

#include "model/constants.h"

namespace capcheck {
namespace {

namespace pegtl = tao::pegtl;

// The grammar. Names of capabilities, calls, fields and profiles are looked up when the text has been read.
namespace grammar {

using namespace pegtl;

struct comment : seq<one<'#'>, until<eolf>> {};
struct gap : star<sor<space, comment>> {};
template <class Rule>
struct token : seq<Rule, gap> {};

struct word_end : not_at<sor<identifier_other, one<'-'>>> {};
template <char... Letters>
struct keyword : token<seq<pegtl::string<Letters...>, word_end>> {};
template <char... Letters>
struct symbol : token<pegtl::string<Letters...>> {};

struct k_not : keyword<'n', 'o', 't'> {};
struct k_and : keyword<'a', 'n', 'd'> {};
struct k_or : keyword<'o', 'r'> {};
struct k_implies : keyword<'i', 'm', 'p', 'l', 'i', 'e', 's'> {};
struct k_in : keyword<'i', 'n'> {};
struct k_every : keyword<'e', 'v', 'e', 'r', 'y'> {};
struct k_some : keyword<'s', 'o', 'm', 'e'> {};
struct k_subset_of : seq<keyword<'s', 'u', 'b', 's', 'e', 't'>, keyword<'o', 'f'>> {};
struct k_all : keyword<'a', 'l', 'l'> {};
struct k_none : keyword<'n', 'o', 'n', 'e'> {};
struct k_but : keyword<'b', 'u', 't'> {};
struct k_by : keyword<'b', 'y'> {};
struct k_tasks : keyword<'t', 'a', 's', 'k', 's'> {};
struct k_one : keyword<'o', 'n', 'e'> {};
struct k_several : keyword<'s', 'e', 'v', 'e', 'r', 'a', 'l'> {};
struct k_from : keyword<'f', 'r', 'o', 'm'> {};
struct k_root : keyword<'r', 'o', 'o', 't'> {};
struct k_any : keyword<'a', 'n', 'y'> {};
struct k_where : keyword<'w', 'h', 'e', 'r', 'e'> {};
struct k_calls : keyword<'c', 'a', 'l', 'l', 's'> {};
struct k_reach : keyword<'r', 'e', 'a', 'c', 'h'> {};
struct k_capability : keyword<'c', 'a', 'p', 'a', 'b', 'i', 'l', 'i', 't', 'y'> {};
struct k_expect : keyword<'e', 'x', 'p', 'e', 'c', 't'> {};
struct k_never : keyword<'n', 'e', 'v', 'e', 'r'> {};
struct k_yes : keyword<'y', 'e', 's'> {};
struct k_unknown : keyword<'u', 'n', 'k', 'n', 'o', 'w', 'n'> {};
struct k_vacuous : keyword<'v', 'a', 'c', 'u', 'o', 'u', 's'> {};
struct reserved : sor<k_not, k_and, k_or, k_implies, k_in, k_every, k_some, k_all, k_none, k_by, k_tasks, k_from,
                      k_calls, k_reach, k_capability, k_expect, keyword<'s', 'u', 'b', 's', 'e', 't'>> {};

struct name_letters : seq<identifier_first, star<identifier_other>> {};
struct name : seq<not_at<reserved>, name_letters> {};
struct prime : one<'\''> {};
struct field_name : seq<not_at<reserved>, name_letters, opt<prime>> {};
struct number : sor<seq<pegtl::string<'0', 'x'>, plus<xdigit>>, plus<digit>> {};

struct predicate;
struct set;

struct open : symbol<'('> {};
struct close : symbol<')'> {};
struct comma : symbol<','> {};

struct capability_name : name {};
struct set_literal : seq<symbol<'{'>, opt<list<token<capability_name>, comma>>, symbol<'}'>> {};
struct set_all : k_all {};
struct set_none : sor<k_none, symbol<'0'>> {};
struct set_group : seq<open, set, close> {};
struct set_field : token<field_name> {};
struct set_atom;
struct set_complement : seq<symbol<'~'>, set_atom> {};
struct set_atom : sor<set_complement, set_literal, set_all, set_none, set_group, set_field> {};
struct op_intersection : sor<symbol<'&'>, token<pegtl::utf8::one<U'∩'>>> {};
struct op_union : sor<symbol<'|'>, token<pegtl::utf8::one<U'∪'>>> {};
struct op_difference : sor<symbol<'-'>, token<pegtl::utf8::one<U'∖'>>> {};
struct set_product : seq<set_atom, star<op_intersection, must<set_atom>>> {};
struct set : seq<set_product, star<sor<op_union, op_difference>, must<set_product>>> {};

struct op_in : sor<k_in, token<pegtl::utf8::one<U'∈'>>> {};
struct op_not_in : sor<seq<k_not, k_in>, token<pegtl::utf8::one<U'∉'>>> {};
struct member : seq<token<capability_name>, sor<op_not_in, op_in>, must<set>> {};

struct op_subset : sor<k_subset_of, token<pegtl::utf8::one<U'⊆'>>> {};
struct op_equal : symbol<'='> {};
struct op_not_equal : sor<symbol<'!', '='>, token<pegtl::utf8::one<U'≠'>>> {};
struct set_relation : seq<set, sor<op_subset, op_not_equal, op_equal>, must<set>> {};

struct number_field : token<field_name> {};
struct number_value : token<number> {};
struct op_less : symbol<'<'> {};
struct op_greater : symbol<'>'> {};
struct number_of_field : sor<number_value, number_field> {};
struct lowercase_field : at<range<'a', 'z'>> {};
struct comparison
    : seq<lowercase_field, number_field, sor<op_not_equal, op_equal, op_less, op_greater>, must<number_of_field>> {};

struct quantifier_variable : name {};
struct quantified
    : seq<sor<k_every, k_some>, must<token<quantifier_variable>>, must<open>, must<predicate>, must<close>> {};
struct group : seq<open, predicate, must<close>> {};
struct atom;
struct negated : seq<k_not, must<atom>> {};
struct atom : sor<negated, quantified, member, comparison, set_relation, group> {};
struct conjunction : seq<atom, star<k_and, must<atom>>> {};
struct disjunction : seq<conjunction, star<k_or, must<conjunction>>> {};
struct predicate : seq<disjunction, opt<k_implies, must<predicate>>> {};

struct call_name : seq<not_at<reserved>, plus<sor<identifier_other, one<'/'>>>> {};
struct call_list : list<token<call_name>, comma> {};
struct filter_all_but : seq<k_all, opt<k_but, must<call_list>>> {};
struct filter : sor<filter_all_but, call_list> {};

struct variable : name {};
struct variables : seq<k_capability, must<list<token<variable>, comma>>> {};
struct from_predicate : predicate {};
struct from_root : k_root {};
struct from_any : seq<k_any, opt<k_where, must<from_predicate>>> {};
struct from_what : sor<from_root, from_any> {};
struct from : seq<k_from, must<from_what>> {};
struct calls_filter : filter {};
struct calls : seq<k_calls, must<calls_filter>> {};
struct one_task : k_one {};
struct how_many_tasks : sor<one_task, k_several> {};
struct tasks : seq<k_tasks, must<how_many_tasks>> {};
struct reach_predicate : predicate {};
struct by_filter : filter {};
struct reach_clause : seq<must<reach_predicate>, opt<k_by, must<by_filter>>> {};
struct k_reach_here : k_reach {};
struct reach : seq<must<k_reach_here>, reach_clause> {};
struct profile_name : plus<sor<identifier_other, one<'.', '+', '-'>>> {};
struct expected_never : k_never {};
struct expected_unknown : k_unknown {};
struct expected_vacuous : k_vacuous {};
struct expected_calls : plus<digit> {};
struct expected_yes : seq<k_yes, must<token<expected_calls>>> {};
struct expected_answer : sor<expected_never, expected_unknown, expected_vacuous, expected_yes> {};
struct expectation : seq<k_expect, must<token<profile_name>>, must<expected_answer>> {};
struct end : eof {};
struct question : seq<gap, opt<variables>, opt<from>, opt<calls>, opt<tasks>, reach, star<expectation>, must<end>> {};

template <class Rule>
inline constexpr const char* kMessage = "this cannot be read";
template <>
inline constexpr const char* kMessage<set_atom> =
    "expected a set: P E I X A U (or CapPrm …), primed or not, all, none, {cap_chown, …}, ~ or ( )";
template <>
inline constexpr const char* kMessage<set_product> = kMessage<set_atom>;
template <>
inline constexpr const char* kMessage<set> = kMessage<set_atom>;
template <>
inline constexpr const char* kMessage<number_of_field> = "expected a number or a field such as uid or level";
template <>
inline constexpr const char* kMessage<atom> =
    "expected a condition: c in S, S subset of T, S = T, uid = 0, SECBIT_… in securebits, not, every c ( ), some c ( )";
template <>
inline constexpr const char* kMessage<conjunction> = kMessage<atom>;
template <>
inline constexpr const char* kMessage<predicate> = kMessage<atom>;
template <>
inline constexpr const char* kMessage<from_predicate> = kMessage<atom>;
template <>
inline constexpr const char* kMessage<reach_predicate> = kMessage<atom>;
template <>
inline constexpr const char* kMessage<token<quantifier_variable>> = "expected a name for the capability";
template <>
inline constexpr const char* kMessage<list<token<variable>, comma>> = "expected a name for the capability";
template <>
inline constexpr const char* kMessage<open> = "expected (";
template <>
inline constexpr const char* kMessage<close> = "expected )";
template <>
inline constexpr const char* kMessage<call_list> = "expected names of calls";
template <>
inline constexpr const char* kMessage<calls_filter> = "expected all, all but CALL, …, or CALL, …";
template <>
inline constexpr const char* kMessage<by_filter> = kMessage<calls_filter>;
template <>
inline constexpr const char* kMessage<from_what> = "expected root, any, or any where CONDITION";
template <>
inline constexpr const char* kMessage<how_many_tasks> = "expected one or several";
template <>
inline constexpr const char* kMessage<k_reach_here> =
    "expected one of capability, from, calls, tasks, reach, in this order; reach CONDITION is what is asked";
template <>
inline constexpr const char* kMessage<token<profile_name>> = "expected a profile";
template <>
inline constexpr const char* kMessage<expected_answer> =
    "expected never, unknown, vacuous, or yes and the number of calls";
template <>
inline constexpr const char* kMessage<token<expected_calls>> = "expected the number of calls";
template <>
inline constexpr const char* kMessage<end> = "expected and, or, by, expect, or the end of the question";

struct messages {
  template <class Rule>
  static constexpr const char* message = kMessage<Rule>;
  template <class Rule>
  static constexpr bool raise_on_failure = false;
};

/// How far a text was understood: what comes next is what is wrong with it.
struct Furthest {
  std::size_t byte = 0, line = 1, column = 1;
};

template <class Rule>
struct control : must_if<messages, normal, false>::control<Rule> {
  template <class Input, class... States>
  static void failure(const Input& in, States&&... states) {
    note(in, std::get<sizeof...(States) - 1>(std::tie(states...)));
  }
  template <class Input>
  static void note(const Input& in, Furthest& furthest) {
    const auto here = in.position();
    if (here.byte > furthest.byte) furthest = {here.byte, here.line, here.column};
  }
};

template <class Rule>
using selector = parse_tree::selector<
    Rule,
    parse_tree::store_content::on<capability_name, set_field, number_field, number_value, quantifier_variable,
                                  call_name, variable, profile_name, expected_calls>,
    parse_tree::remove_content::on<
        set_literal, set_all, set_none, set_complement, set_product, set, op_intersection, op_union, op_difference,
        member, op_in, op_not_in, op_subset, op_equal, op_not_equal, op_less, op_greater, set_relation, comparison,
        quantified, k_every, k_some, negated, conjunction, disjunction, predicate, k_implies, filter_all_but, call_list,
        variables, from_root, from_any, from_predicate, calls, calls_filter, one_task, reach_predicate, by_filter,
        expectation, expected_never, expected_unknown, expected_vacuous, expected_yes>>;

}  // namespace grammar

using Node = pegtl::parse_tree::node;

struct FieldName {
  std::string_view letter, name;
};
/// In the order of kCredentialFields: the letters of formulas and the names of /proc; numbers have one name.
constexpr std::array<FieldName, 21> kFieldNames = {{{"I", "CapInh"},
                                                    {"P", "CapPrm"},
                                                    {"E", "CapEff"},
                                                    {"X", "CapBnd"},
                                                    {"A", "CapAmb"},
                                                    {"U", "CapUNs"},
                                                    {"securebits", "Securebits"},
                                                    {"no_new_privs", "NoNewPrivs"},
                                                    {"uid", "Uid"},
                                                    {"euid", "EUid"},
                                                    {"suid", "SUid"},
                                                    {"fsuid", "FsUid"},
                                                    {"gid", "Gid"},
                                                    {"egid", "EGid"},
                                                    {"sgid", "SGid"},
                                                    {"fsgid", "FsGid"},
                                                    {"groups", "Groups"},
                                                    {"group0", "Group0"},
                                                    {"group1", "Group1"},
                                                    {"level", "Level"},
                                                    {"user_ns", "UserNs"}}};
static_assert(kFieldNames.size() == kNamespaceField + 1);
constexpr FieldIndex kSecurebitsField = kSetFields;

template <class T>
PredicatePtr make(T form) {
  return std::make_shared<const Predicate>(Predicate{std::move(form)});
}
template <class T>
SetFormulaPtr make_set(T form) {
  return std::make_shared<const SetFormula>(SetFormula{std::move(form)});
}

/// A column as readers count it: of characters, not of the bytes of UTF-8.
std::size_t character_column(std::string_view text, std::size_t byte, std::size_t byte_column) {
  const std::string_view before = text.substr(0, byte).substr(byte + 1 - byte_column);
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  return 1 + static_cast<std::size_t>(std::ranges::count_if(before, begins));
}

/// Makes a question of what was read.
class Builder {
 public:
  Builder(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Question build(const Node& root) {
    for (const auto& child : root.children) take(*child);
    return std::move(question_);
  }

 private:
  [[noreturn]] void fail(const Node& node, const std::string& message) const {
    const auto where = node.begin();
    throw QuestionError(file_, where.line, character_column(text_, where.byte, where.column), message);
  }

  void take(const Node& node) {
    if (node.is_type<grammar::variables>()) {
      for (const auto& child : node.children) add_variable(*child);
      question_.variables = scope_;
    } else if (node.is_type<grammar::from_root>()) {
      question_.from_root = true;
    } else if (node.is_type<grammar::from_any>()) {
      question_.from_root = false;
      if (!node.children.empty()) question_.from = from_predicate(*node.children[0]);
    } else if (node.is_type<grammar::calls>()) {
      question_.calls = filter(*node.children[0]);
    } else if (node.is_type<grammar::one_task>()) {
      question_.one_task = true;
    } else if (node.is_type<grammar::reach_predicate>()) {
      question_.reach = predicate(node);
    } else if (node.is_type<grammar::by_filter>()) {
      question_.by = filter(node);
    } else if (node.is_type<grammar::expectation>()) {
      question_.expected.push_back(expectation(node));
    }
  }

  void add_variable(const Node& node) {
    const std::string name = node.string();
    if (capability_number(name)) fail(node, fmt::format("'{}' is a capability; choose another name", name));
    if (std::ranges::find(scope_, name) != scope_.end()) fail(node, fmt::format("'{}' is there already", name));
    scope_.push_back(name);
  }

  PredicatePtr from_predicate(const Node& node) {
    PredicatePtr from = predicate(node);
    if (has_primes(*from)) fail(node, "a state to start from has no primes: they are for what is reached");
    return from;
  }

  PredicatePtr predicate(const Node& node) {
    if (node.is_type<grammar::predicate>() || node.is_type<grammar::from_predicate>() ||
        node.is_type<grammar::reach_predicate>()) {
      PredicatePtr left = predicate(*node.children[0]);
      return node.children.size() == 1 ? left : make(Or{negation(left), predicate(*node.children.back())});
    }
    if (node.is_type<grammar::disjunction>()) return chain<Or>(node);
    if (node.is_type<grammar::conjunction>()) return chain<And>(node);
    if (node.is_type<grammar::negated>()) return negation(predicate(*node.children[0]));
    if (node.is_type<grammar::quantified>()) return quantified(node);
    if (node.is_type<grammar::member>()) return member(node);
    if (node.is_type<grammar::comparison>()) return comparison(node);
    return set_relation(node);
  }

  template <class Form>
  PredicatePtr chain(const Node& node) {
    PredicatePtr all = predicate(*node.children[0]);
    for (std::size_t i = 1; i < node.children.size(); ++i) all = make(Form{all, predicate(*node.children[i])});
    return all;
  }

  PredicatePtr quantified(const Node& node) {
    add_variable(*node.children[1]);
    PredicatePtr of = predicate(*node.children[2]);
    std::string name = std::move(scope_.back());
    scope_.pop_back();
    return make(Quantified{node.children[0]->is_type<grammar::k_every>(), std::move(name), std::move(of)});
  }

  PredicatePtr member(const Node& node) {
    const Node &what = *node.children[0], &set_node = *node.children[2];
    const PredicatePtr in =
        is_securebit(what) ? securebit(what, set_node) : make(Member{capability(what), set(set_node)});
    return node.children[1]->is_type<grammar::op_not_in>() ? negation(in) : in;
  }

  static bool is_securebit(const Node& node) { return node.string_view().starts_with("SECBIT_"); }

  PredicatePtr securebit(const Node& what, const Node& set_node) const {
    const Node* in = &set_node;
    while (in->children.size() == 1) in = in->children[0].get();
    std::string_view name = in->is_type<grammar::set_field>() ? field_text(*in) : "";
    const bool primed = name.ends_with('\'');
    if (primed) name.remove_suffix(1);
    if (name != kFieldNames[kSecurebitsField].letter && name != kFieldNames[kSecurebitsField].name) {
      fail(set_node, "a securebit is in securebits");
    }
    for (const Constant& constant : constants(Role::securebits, false)) {
      if (constant.name == what.string_view()) return make(SecurebitSet{what.string(), constant.value, primed});
    }
    fail(what, fmt::format("unknown securebit '{}'", what.string_view()));
  }

  CapabilityFormula capability(const Node& node) const {
    const std::string name = node.string();
    if (const auto found = std::ranges::find(scope_, name); found != scope_.end()) {
      return CapabilityVariable{static_cast<std::size_t>(found - scope_.begin()), name};
    }
    return number_of(node);
  }

  std::uint64_t number_of(const Node& node) const {
    if (const auto number = capability_number(node.string_view())) return *number;
    fail(node, fmt::format("unknown capability '{}'; a name for any capability is declared first: capability {}",
                           node.string_view(), node.string_view()));
  }

  /// What stands between { and }.
  std::uint64_t listed(const Node& node) const {
    if (std::ranges::find(scope_, node.string()) != scope_.end()) {
      fail(node, fmt::format("'{0}' stands for any capability, and a list has certain ones; say {0} in …",
                             node.string_view()));
    }
    return number_of(node);
  }

  SetFormulaPtr set(const Node& node) {
    if (node.is_type<grammar::set>() || node.is_type<grammar::set_product>()) return set_chain(node);
    if (node.is_type<grammar::set_complement>()) return make_set(Complement{set(*node.children[0])});
    if (node.is_type<grammar::set_all>()) return make_set(Full{});
    if (node.is_type<grammar::set_none>()) return make_set(std::uint64_t{0});
    if (node.is_type<grammar::set_literal>()) {
      std::uint64_t bits = 0;
      for (const auto& child : node.children) bits |= std::uint64_t{1} << listed(*child);
      return make_set(bits);
    }
    const Field field = field_of(node);
    if (field.index >= kSetFields) fail(node, fmt::format("'{}' is not a set of capabilities", field_text(node)));
    return make_set(field);
  }

  SetFormulaPtr set_chain(const Node& node) {
    SetFormulaPtr all = set(*node.children[0]);
    for (std::size_t i = 1; i + 1 < node.children.size(); i += 2) {
      const SetFormulaPtr next = set(*node.children[i + 1]);
      const Node& op = *node.children[i];
      if (op.is_type<grammar::op_union>()) {
        all = make_set(Union{all, next});
      } else if (op.is_type<grammar::op_intersection>()) {
        all = make_set(Intersection{all, next});
      } else {
        all = make_set(Intersection{all, make_set(Complement{next})});
      }
    }
    return all;
  }

  /// Without the gap after it.
  static std::string_view field_text(const Node& node) {
    const std::string_view text = node.string_view();
    const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '\''; };
    return text.substr(0, static_cast<std::size_t>(std::ranges::find_if_not(text, is_part) - text.begin()));
  }

  Field field_of(const Node& node) const {
    std::string_view name = field_text(node);
    const bool primed = name.ends_with('\'');
    if (primed) name.remove_suffix(1);
    for (FieldIndex index = 0; index < kFieldNames.size(); ++index) {
      if (name == kFieldNames[index].letter || name == kFieldNames[index].name) return {index, primed};
    }
    fail(node, fmt::format("unknown field '{}' (sets: P E I X A U or as in /proc/PID/status; numbers: uid euid suid "
                           "fsuid gid egid sgid fsgid no_new_privs level user_ns)",
                           name));
  }

  PredicatePtr set_relation(const Node& node) {
    const SetFormulaPtr a = set(*node.children[0]), b = set(*node.children[2]);
    const Node& op = *node.children[1];
    if (op.is_type<grammar::op_subset>()) return make(Subset{a, b});
    const PredicatePtr same = make(SameSet{a, b});
    return op.is_type<grammar::op_not_equal>() ? negation(same) : same;
  }

  /// Of decimal digits, or 0x and hexadecimal ones.
  std::uint64_t numeral(const Node& node) const {
    std::string_view text = node.string_view();
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16) text.remove_prefix(2);
    const char* const begin = std::to_address(text.begin());
    std::uint64_t value = 0;
    if (std::from_chars(begin, begin + text.size(), value, base).ec != std::errc{}) {
      fail(node, "the number is too large: it has 64 bits at most");
    }
    return value;
  }

  NumberFormula number(const Node& node) const {
    if (node.is_type<grammar::number_value>()) return numeral(node);
    const Field field = field_of(node);
    if (field.index < kSetFields) fail(node, fmt::format("'{}' is a set, not a number", field_text(node)));
    return field;
  }

  PredicatePtr comparison(const Node& node) const {
    const NumberFormula a = number(*node.children[0]), b = number(*node.children[2]);
    const Node& op = *node.children[1];
    if (op.is_type<grammar::op_less>()) return make(Compare{Compare::Relation::less, a, b});
    if (op.is_type<grammar::op_greater>()) return make(Compare{Compare::Relation::less, b, a});
    const PredicatePtr same = make(Compare{Compare::Relation::equal, a, b});
    return op.is_type<grammar::op_not_equal>() ? negation(same) : same;
  }

  CallFilter filter(const Node& node) const {
    const Node& what = *node.children[0];
    CallFilter filter{what.is_type<grammar::filter_all_but>(), {}};
    const Node* list = &what;
    if (filter.all_but) list = what.children.empty() ? nullptr : what.children[0].get();
    if (!list) return filter;
    for (const auto& child : list->children) {
      const auto patterns = patterns_of(*child);
      filter.patterns.insert(filter.patterns.end(), patterns.begin(), patterns.end());
    }
    return filter;
  }

  std::vector<CallPattern> patterns_of(const Node& node) const {
    const std::string_view name = node.string_view();
    std::vector<CallPattern> found;
    for (const CallInfo& call : kCalls) {
      if (call.name == name) found.push_back({call.kind, std::nullopt});
    }
    for (const CallKind kind : {CallKind::cap_ambient, CallKind::cap_userns}) {
      for (const Constant& constant : constants(Role::set_operation, kind == CallKind::cap_userns)) {
        if (constant.name == name) found.push_back({kind, constant.value});
      }
    }
    if (found.empty()) {
      fail(node,
           fmt::format("unknown call '{}' (as in traces: execve, setuid, PR_CAPBSET_DROP, PR_CAP_USERNS_RAISE, …)",
                       name));
    }
    return found;
  }

  std::string profile_of(const Node& node) const {
    try {
      return to_string(parse_profile(node.string()));
    } catch (const std::invalid_argument& problem) {
      fail(node, problem.what());
    }
  }

  ExpectedAnswer expectation(const Node& node) const {
    const std::string profile = profile_of(*node.children[0]);
    if (std::ranges::find(question_.expected, profile, &ExpectedAnswer::profile) != question_.expected.end()) {
      fail(*node.children[0], fmt::format("something is expected of {} already", profile));
    }
    const Node& answer = *node.children[1];
    if (answer.is_type<grammar::expected_never>()) return {profile, ExpectedAnswer::Kind::never, 0};
    if (answer.is_type<grammar::expected_unknown>()) return {profile, ExpectedAnswer::Kind::unknown, 0};
    if (answer.is_type<grammar::expected_vacuous>()) return {profile, ExpectedAnswer::Kind::vacuous, 0};
    return {profile, ExpectedAnswer::Kind::yes, numeral(*answer.children[0])};
  }

  std::string_view text_, file_;
  Question question_{};
  std::vector<std::string> scope_;  ///< the variables that a name may mean
};

/// The comment that opens a text, without '#'.
std::string opening_comment(std::string_view text) {
  std::string intent;
  while (text.starts_with('#')) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(1, end - 1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (!intent.empty()) intent += '\n';
    intent += line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return intent;
}

std::string field_name(const Field& field) {
  return fmt::format("{}{}", kFieldNames[field.index].letter, field.primed ? "'" : "");
}

std::string to_string(const SetFormula& set, bool nested) {
  const auto pair = [&](const char* op, const SetFormulaPtr& a, const SetFormulaPtr& b) {
    const std::string text = fmt::format("{} {} {}", to_string(*a, true), op, to_string(*b, true));
    return nested ? fmt::format("({})", text) : text;
  };
  return std::visit(detail::Overloaded{
                        [](const Field& field) { return field_name(field); },
                        [](std::uint64_t bits) {
                          std::string names;
                          for (; bits != 0; bits &= bits - 1) {
                            const auto number = static_cast<std::uint64_t>(std::countr_zero(bits));
                            names +=
                                (names.empty() ? "" : ", ") + capability_name(number).value_or(std::to_string(number));
                          }
                          return names.empty() ? std::string("none") : fmt::format("{{{}}}", names);
                        },
                        [](const Full&) { return std::string("all"); },
                        [](const Complement& c) { return "~" + to_string(*c.of, true); },
                        [&](const Union& u) { return pair("|", u.a, u.b); },
                        [&](const Intersection& i) { return pair("&", i.a, i.b); },
                    },
                    set.form);
}

std::string to_string(const NumberFormula& number) {
  if (const auto* field = std::get_if<Field>(&number)) return field_name(*field);
  return std::to_string(std::get<std::uint64_t>(number));
}

std::string to_string(const CapabilityFormula& capability) {
  if (const auto* variable = std::get_if<CapabilityVariable>(&capability)) return variable->name;
  const std::uint64_t number = std::get<std::uint64_t>(capability);
  return capability_name(number).value_or(std::to_string(number));
}

std::string to_string(const Predicate& predicate, bool nested, bool denied) {
  const auto pair = [&](const char* op, const PredicatePtr& a, const PredicatePtr& b) {
    const std::string text = fmt::format("{} {} {}", to_string(*a, true, false), op, to_string(*b, true, false));
    return denied ? fmt::format("not ({})", text) : nested ? fmt::format("({})", text) : text;
  };
  const auto sets = [&](const char* op, const SetFormulaPtr& a, const SetFormulaPtr& b) {
    return fmt::format("{} {} {}", to_string(*a, false), op, to_string(*b, false));
  };
  return std::visit(
      detail::Overloaded{
          [&](const Member& m) {
            return fmt::format("{} {} {}", to_string(m.capability), denied ? "not in" : "in", to_string(*m.set, false));
          },
          [&](const Subset& s) {
            const std::string text = sets("subset of", s.a, s.b);
            return denied ? fmt::format("not {}", text) : text;
          },
          [&](const SameSet& s) { return sets(denied ? "!=" : "=", s.a, s.b); },
          [&](const Compare& c) {
            const bool equal = c.relation == Compare::Relation::equal;
            const std::string text = fmt::format("{} {} {}", to_string(c.a),
                                                 !equal   ? "<"
                                                 : denied ? "!="
                                                          : "=",
                                                 to_string(c.b));
            return denied && !equal ? fmt::format("not {}", text) : text;
          },
          [&](const SecurebitSet& s) {
            return fmt::format("{} {} securebits{}", s.name, denied ? "not in" : "in", s.primed ? "'" : "");
          },
          [&](const Not& n) { return to_string(*n.of, nested, !denied); },
          [&](const And& a) { return pair("and", a.a, a.b); },
          [&](const Or& o) { return pair("or", o.a, o.b); },
          [&](const Quantified& q) {
            return fmt::format("{}{} {} ({})", denied ? "not " : "", q.every ? "every" : "some", q.variable,
                               to_string(*q.of, false, false));
          },
      },
      predicate.form);
}

/// The same formula with other fields.
template <class Change>
SetFormulaPtr with_fields(const SetFormula& set, Change change) {
  return std::visit(
      detail::Overloaded{
          [&](const Field& field) { return make_set(change(field)); },
          [](std::uint64_t bits) { return make_set(bits); },
          [](const Full& full) { return make_set(full); },
          [&](const Complement& c) { return make_set(Complement{with_fields(*c.of, change)}); },
          [&](const Union& u) { return make_set(Union{with_fields(*u.a, change), with_fields(*u.b, change)}); },
          [&](const Intersection& i) {
            return make_set(Intersection{with_fields(*i.a, change), with_fields(*i.b, change)});
          },
      },
      set.form);
}

template <class Change>
NumberFormula with_fields(const NumberFormula& number, Change change) {
  if (const auto* field = std::get_if<Field>(&number)) return change(*field);
  return number;
}

template <class Change>
PredicatePtr with_fields(const Predicate& predicate, Change change) {
  return std::visit(
      detail::Overloaded{
          [&](const Member& m) { return make(Member{m.capability, with_fields(*m.set, change)}); },
          [&](const Subset& s) { return make(Subset{with_fields(*s.a, change), with_fields(*s.b, change)}); },
          [&](const SameSet& s) { return make(SameSet{with_fields(*s.a, change), with_fields(*s.b, change)}); },
          [&](const Compare& c) {
            return make(Compare{c.relation, with_fields(c.a, change), with_fields(c.b, change)});
          },
          [&](const SecurebitSet& s) {
            return make(SecurebitSet{s.name, s.bits, change(Field{kSecurebitsField, s.primed}).primed});
          },
          [&](const Not& n) { return make(Not{with_fields(*n.of, change)}); },
          [&](const And& a) { return make(And{with_fields(*a.a, change), with_fields(*a.b, change)}); },
          [&](const Or& o) { return make(Or{with_fields(*o.a, change), with_fields(*o.b, change)}); },
          [&](const Quantified& q) { return make(Quantified{q.every, q.variable, with_fields(*q.of, change)}); },
      },
      predicate.form);
}

}  // namespace

QuestionError::QuestionError(std::string_view file, std::size_t line_, std::size_t column_, std::string_view message)
    : std::runtime_error(fmt::format("{}:{}:{}: {}", file, line_, column_, message)), line(line_), column(column_) {}

Question parse_question(std::string_view text, std::string_view file) {
  pegtl::memory_input input(text.data(), text.size(), std::string(file));
  grammar::Furthest furthest;
  try {
    const auto root =
        pegtl::parse_tree::parse<grammar::question, Node, grammar::selector, pegtl::nothing, grammar::control>(
            input, furthest);
    Question question = Builder(text, file).build(*root);
    question.intent = opening_comment(text);
    return question;
  } catch (const pegtl::parse_error& problem) {
    throw QuestionError(file, furthest.line, character_column(text, furthest.byte, furthest.column), problem.message());
  }
}

std::string to_string(const Predicate& predicate) {
  return to_string(predicate, false, false);
}

bool has_primes(const Predicate& predicate) {
  bool found = false;
  with_fields(predicate, [&](const Field& field) {
    found |= field.primed;
    return field;
  });
  return found;
}

PredicatePtr primed(const Predicate& predicate) {
  return with_fields(predicate, [](const Field& field) { return Field{field.index, true}; });
}

std::vector<PredicatePtr> conjuncts(const PredicatePtr& predicate) {
  const auto all_of = [](const PredicatePtr& a, const PredicatePtr& b) {
    std::vector<PredicatePtr> all = conjuncts(a);
    std::ranges::copy(conjuncts(b), std::back_inserter(all));
    return all;
  };
  if (const auto* both = std::get_if<And>(&predicate->form)) return all_of(both->a, both->b);
  if (const auto* member = std::get_if<Member>(&predicate->form)) {
    if (const auto* sets = std::get_if<Intersection>(&member->set->form)) {
      return all_of(make(Member{member->capability, sets->a}), make(Member{member->capability, sets->b}));
    }
    return {predicate};
  }
  const auto* denied = std::get_if<Not>(&predicate->form);
  if (!denied) return {predicate};
  if (const auto* either = std::get_if<Or>(&denied->of->form)) return all_of(negation(either->a), negation(either->b));
  const auto* member = std::get_if<Member>(&denied->of->form);
  const auto* sets = member ? std::get_if<Union>(&member->set->form) : nullptr;
  if (!sets) return {predicate};
  return all_of(negation(make(Member{member->capability, sets->a})),
                negation(make(Member{member->capability, sets->b})));
}

PredicatePtr negation(const PredicatePtr& predicate) {
  if (const auto* denied = std::get_if<Not>(&predicate->form)) return denied->of;
  return make(Not{predicate});
}

}  // namespace capcheck
