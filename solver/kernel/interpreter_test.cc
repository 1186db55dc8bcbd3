// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/interpreter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "solver/kernel/equality.h"

namespace capcheck {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::ThrowsMessage;

constexpr std::chrono::seconds kTime{10};
constexpr unsigned kLong = 64, kInt = 32;

/// Runs @f of a module.
class Assembly : public testing::Test {
 protected:
  Value run(const std::string& text, const std::vector<Value>& arguments, const Contracts& contracts = {}) {
    code_.emplace(KernelCode::parse(text));
    interpreter_.emplace(*code_, contracts, query_);
    state_ = State{};
    return interpreter_->run("f", arguments, state_).value();
  }
  std::uint64_t number(const std::string& text, const std::vector<std::uint64_t>& arguments, unsigned width = kLong) {
    std::vector<Value> values;
    values.reserve(arguments.size());
    for (const std::uint64_t each : arguments) values.emplace_back(bits_of(each, width));
    return numeral_of(as_bits(run(text, values))).value();
  }

  TermScope terms_;
  Query query_{kTime};
  std::optional<KernelCode> code_;
  std::optional<Interpreter> interpreter_;
  State state_;
};

/// An instruction of two numbers, and what the processor makes of them.
struct Operation {
  std::string_view text;  ///< %r = …, of %a and %b
  std::function<std::uint64_t(std::uint64_t a, std::uint64_t b)> meaning;
};

std::int64_t as_signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

const std::array kOperations = {
    Operation{"%r = add i64 %a, %b", [](auto a, auto b) { return a + b; }},
    Operation{"%r = sub i64 %a, %b", [](auto a, auto b) { return a - b; }},
    Operation{"%r = mul i64 %a, %b", [](auto a, auto b) { return a * b; }},
    Operation{"%r = and i64 %a, %b", [](auto a, auto b) { return a & b; }},
    Operation{"%r = or i64 %a, %b", [](auto a, auto b) { return a | b; }},
    Operation{"%r = xor i64 %a, %b", [](auto a, auto b) { return a ^ b; }},
    Operation{"%s = and i64 %b, 63\n%r = shl i64 %a, %s", [](auto a, auto b) { return a << (b & 63); }},
    Operation{"%s = and i64 %b, 63\n%r = lshr i64 %a, %s", [](auto a, auto b) { return a >> (b & 63); }},
    Operation{"%s = and i64 %b, 63\n%r = ashr i64 %a, %s",
              [](auto a, auto b) { return static_cast<std::uint64_t>(as_signed(a) >> (b & 63)); }},
    Operation{"%c = icmp eq i64 %a, %b\n%r = zext i1 %c to i64", [](auto a, auto b) { return a == b ? 1 : 0; }},
    Operation{"%c = icmp ne i64 %a, %b\n%r = sext i1 %c to i64", [](auto a, auto b) { return a != b ? ~0ULL : 0; }},
    Operation{"%c = icmp ult i64 %a, %b\n%r = zext i1 %c to i64", [](auto a, auto b) { return a < b ? 1 : 0; }},
    Operation{"%c = icmp ule i64 %a, %b\n%r = zext i1 %c to i64", [](auto a, auto b) { return a <= b ? 1 : 0; }},
    Operation{"%c = icmp ugt i64 %a, %b\n%r = zext i1 %c to i64", [](auto a, auto b) { return a > b ? 1 : 0; }},
    Operation{"%c = icmp uge i64 %a, %b\n%r = zext i1 %c to i64", [](auto a, auto b) { return a >= b ? 1 : 0; }},
    Operation{"%c = icmp slt i64 %a, %b\n%r = zext i1 %c to i64",
              [](auto a, auto b) { return as_signed(a) < as_signed(b) ? 1 : 0; }},
    Operation{"%c = icmp sle i64 %a, %b\n%r = zext i1 %c to i64",
              [](auto a, auto b) { return as_signed(a) <= as_signed(b) ? 1 : 0; }},
    Operation{"%c = icmp sgt i64 %a, %b\n%r = zext i1 %c to i64",
              [](auto a, auto b) { return as_signed(a) > as_signed(b) ? 1 : 0; }},
    Operation{"%c = icmp sge i64 %a, %b\n%r = zext i1 %c to i64",
              [](auto a, auto b) { return as_signed(a) >= as_signed(b) ? 1 : 0; }},
    Operation{"%t = trunc i64 %a to i32\n%r = zext i32 %t to i64", [](auto a, auto) { return a & 0xffffffff; }},
    Operation{"%t = trunc i64 %a to i8\n%r = sext i8 %t to i64",
              [](auto a, auto) { return static_cast<std::uint64_t>(static_cast<std::int8_t>(a)); }},
    Operation{"%t = trunc i64 %a to i1\n%r = select i1 %t, i64 %a, i64 %b",
              [](auto a, auto b) { return (a & 1) != 0 ? a : b; }},
    Operation{"%c = icmp ult i64 %a, %b\n%d = icmp slt i64 %a, %b\n%x = xor i1 %c, %d\n%o = or i1 %x, %d\n"
              "%n = and i1 %o, %c\n%r = zext i1 %n to i64",
              [](auto a, auto b) {
                const bool c = a < b, d = as_signed(a) < as_signed(b);
                return ((c != d) || d) && c ? 1 : 0;
              }},
    Operation{"%r = call i64 @llvm.umin.i64(i64 %a, i64 %b)", [](auto a, auto b) { return std::min(a, b); }},
    Operation{"%r = call i64 @llvm.umax.i64(i64 %a, i64 %b)", [](auto a, auto b) { return std::max(a, b); }},
    Operation{"%r = call i64 @llvm.smin.i64(i64 %a, i64 %b)",
              [](auto a, auto b) { return as_signed(a) < as_signed(b) ? a : b; }},
    Operation{"%r = call i64 @llvm.uadd.sat.i64(i64 %a, i64 %b)",
              [](auto a, auto b) { return a + b < a ? ~std::uint64_t{0} : a + b; }},
    Operation{"%m = alloca i64\nstore i64 %a, ptr %m\n%p = getelementptr i8, ptr %m, i64 4\n%t = trunc i64 %b to i32\n"
              "store i32 %t, ptr %p\n%r = load i64, ptr %m",
              [](auto a, auto b) { return (a & 0xffffffff) | (b << 32); }},
};

TEST_F(Assembly, EveryInstructionIsWhatTheProcessorMakesOfIt) {
  std::mt19937_64 random(1);
  constexpr std::array kEdges = {std::uint64_t{0},
                                 std::uint64_t{1},
                                 ~std::uint64_t{0},
                                 std::uint64_t{1} << 63,
                                 std::uint64_t{0x7fffffffffffffff},
                                 std::uint64_t{0x80000000}};
  const auto any = [&] { return random() % 2 == 0 ? kEdges[random() % kEdges.size()] : random(); };
  for (const Operation& operation : kOperations) {
    SCOPED_TRACE(operation.text);
    const std::string text = fmt::format(
        "declare i64 @llvm.umin.i64(i64, i64)\ndeclare i64 @llvm.umax.i64(i64, i64)\n"
        "declare i64 @llvm.smin.i64(i64, i64)\ndeclare i64 @llvm.uadd.sat.i64(i64, i64)\n"
        "define i64 @f(i64 %a, i64 %b) {{\n{}\nret i64 %r\n}}\n",
        operation.text);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t x = any(), y = any();
      EXPECT_EQ(number(text, {x, y}), operation.meaning(x, y)) << x << ", " << y;
    }
  }
}

TEST_F(Assembly, TermsAreWhatNumbersAre) {
  std::mt19937_64 random(2);
  for (const Operation& operation : kOperations) {
    SCOPED_TRACE(operation.text);
    const std::string text = fmt::format(
        "declare i64 @llvm.umin.i64(i64, i64)\ndeclare i64 @llvm.umax.i64(i64, i64)\n"
        "declare i64 @llvm.smin.i64(i64, i64)\ndeclare i64 @llvm.uadd.sat.i64(i64, i64)\n"
        "define i64 @f(i64 %a, i64 %b) {{\n{}\nret i64 %r\n}}\n",
        operation.text);
    const z3::expr a = any_bits("a", kLong), b = any_bits("b", kLong);
    const z3::expr result = as_bits(run(text, {a, b}));
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t x = random(), y = i % 3 == 0 ? x : random();
      const SymbolicBool differs = equal(a, bits_of(x, kLong)) & equal(b, bits_of(y, kLong)) &
                                   !equal(result, bits_of(operation.meaning(x, y), kLong));
      EXPECT_EQ(query_.ask(differs).kind, Answer::Kind::no) << x << ", " << y;
    }
  }
}

TEST_F(Assembly, ALoopIsRunUntilNoPathStaysInIt) {
  const std::string text = R"(
    define i64 @f(i64 %n) {
    entry:
      br label %loop
    loop:
      %i = phi i64 [ 0, %entry ], [ %next, %body ]
      %sum = phi i64 [ 0, %entry ], [ %more, %body ]
      %done = icmp uge i64 %i, %n
      br i1 %done, label %end, label %body
    body:
      %more = add i64 %sum, %i
      %next = add i64 %i, 1
      br label %loop
    end:
      ret i64 %sum
    })";
  EXPECT_EQ(number(text, {5}), 10u);
  const z3::expr n = any_bits("n", kLong) & bits_of(7, kLong);
  const z3::expr sum = as_bits(run(text, {n}));
  EXPECT_EQ(query_.ask(equal(n, bits_of(6, kLong)) & !equal(sum, bits_of(15, kLong))).kind, Answer::Kind::no);
  EXPECT_EQ(query_.ask(equal(n, bits_of(6, kLong)) & equal(sum, bits_of(15, kLong))).kind, Answer::Kind::yes);
  EXPECT_THAT([&] { run(text, {any_bits("n", kLong)}); },
              ThrowsMessage<KernelCodeError>(HasSubstr("a loop of more than 80 rounds")));
}

TEST_F(Assembly, WhatPathsHaveWrittenIsAChoiceWhereTheyMeet) {
  const std::string text = R"(
    define i64 @f(i64 %a, i64 %b) {
    entry:
      %x = alloca i64
      %y = alloca i64
      store i64 1, ptr %x
      store i64 2, ptr %y
      %less = icmp ult i64 %a, %b
      br i1 %less, label %then, label %end
    then:
      store i64 3, ptr %x
      br label %end
    end:
      %p = phi ptr [ %x, %then ], [ %y, %entry ]
      %v = load i64, ptr %p
      store i64 10, ptr %p
      %left = load i64, ptr %x
      %r = add i64 %v, %left
      ret i64 %r
    })";
  EXPECT_EQ(number(text, {1, 2}), 13u);
  EXPECT_EQ(number(text, {2, 1}), 3u);
  const z3::expr a = any_bits("a", kLong), b = any_bits("b", kLong);
  const z3::expr result = as_bits(run(text, {a, b}));
  const SymbolicBool less = condition_of(z3::ult(a, b));
  EXPECT_EQ(query_.ask(less & !equal(result, bits_of(13, kLong))).kind, Answer::Kind::no);
  EXPECT_EQ(query_.ask(!less & !equal(result, bits_of(3, kLong))).kind, Answer::Kind::no);
}

/// As the kernel's tables of sysctls have marks where others have addresses.
TEST_F(Assembly, TheAddressOfAnObjectIsNoSmallNumber) {
  const std::string text = R"(
    define i64 @f(i64 %a) {
    entry:
      %x = alloca i64
      store i64 5, ptr %x
      %is_mark = icmp ne i64 %a, 0
      %mark = inttoptr i64 %a to ptr
      %p = select i1 %is_mark, ptr %mark, ptr %x
      %number = ptrtoint ptr %p to i64
      %less = add i64 %number, -1
      %small = icmp ult i64 %less, 2
      %r = zext i1 %small to i64
      switch i64 %number, label %object [ i64 1, label %end
                                          i64 2, label %end ]
    object:
      %v = load i64, ptr %p
      ret i64 %v
    end:
      ret i64 %r
    })";
  EXPECT_EQ(number(text, {1}), 1u);
  EXPECT_EQ(number(text, {2}), 1u);
  EXPECT_EQ(number(text, {0}), 5u);
  EXPECT_THAT([&] { number(text, {3}); }, ThrowsMessage<KernelCodeError>(HasSubstr("an access to memory at 0x3")));
}

TEST_F(Assembly, WhatStandsForATermIsSpelledOut) {
  run("define i64 @f(i64 %a) {\nret i64 %a\n}", {bits_of(1, kLong)});
  const z3::expr term = any_bits("a", kInt) + 1, name = interpreter_->abbreviate("b", term),
                 other = interpreter_->abbreviate("c", fold(name + name));
  EXPECT_TRUE(z3::eq(interpreter_->abbreviate("b", term), name));
  EXPECT_TRUE(z3::eq(interpreter_->abbreviate("b", name), name));
  EXPECT_TRUE(z3::eq(interpreter_->abbreviate("b", bits_of(7, kInt)), bits_of(7, kInt)));
  EXPECT_EQ(query_.ask(!equal(interpreter_->spelled_out(other), term + term)).kind, Answer::Kind::no);
}

/// So that what is a function of a number is known to be the same of the same number.
TEST_F(Assembly, WhatIsCopiedTogetherComesOutAsItWas) {
  const z3::expr low = any_bits("low", kInt), high = any_bits("high", kInt);
  const std::string text = R"(define i32 @f(i32 %low, i32 %high) {
    %p = alloca i64
    %q = getelementptr i8, ptr %p, i64 4
    store i32 %low, ptr %p
    store i32 %high, ptr %q
    %both = load i64, ptr %p
    %other = alloca [12 x i8]
    store i64 %both, ptr %other
    %at = getelementptr i8, ptr %other, i64 PLACE
    %r = load i32, ptr %at
    ret i32 %r
  })";
  const auto read_at = [&](const std::string& place) {
    std::string here = text;
    here.replace(here.find("PLACE"), 5, place);
    return as_bits(run(here, {Value(low), Value(high)}));
  };
  EXPECT_TRUE(z3::eq(read_at("0"), low));
  EXPECT_TRUE(z3::eq(read_at("4"), high));
  EXPECT_EQ(query_.ask(!equal(read_at("2"), z3::concat(high.extract(15, 0), low.extract(31, 16)))).kind,
            Answer::Kind::no);
}

/// What is not understood, and what is said of it.
struct Unknown {
  std::string_view text, error;
};

class NotUnderstood : public Assembly, public testing::WithParamInterface<Unknown> {};

TEST_P(NotUnderstood, IsAnError) {
  const std::string text = fmt::format(
      "declare i64 @unheard_of(i64)\ndefine i64 @f(i64 %a) {{\nentry:\n{}\nret i64 %r\n}}\n", GetParam().text);
  EXPECT_THAT([&] { run(text, {any_bits("a", kLong)}); },
              ThrowsMessage<KernelCodeError>(HasSubstr(std::string(GetParam().error))));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, NotUnderstood,
    testing::Values(
        Unknown{"%r = udiv i64 %a, 3", "an operation is not understood: %r = udiv"},
        Unknown{"%d = uitofp i64 %a to double\n%r = fptoui double %d to i64", "a conversion is not understood"},
        Unknown{"%r = call i64 @unheard_of(i64 %a)", "a call of unheard_of(), which has neither code nor contract"},
        Unknown{"%r = call i64 asm \"bswap $0\", \"=r,0\"(i64 %a)", "inline assembly is not understood"},
        Unknown{"%p = inttoptr i64 %a to ptr\n%r = load i64, ptr %p", "a pointer of which nothing is known"},
        Unknown{"%r = load i64, ptr null", "an access to memory at 0x0"},
        Unknown{"%m = alloca i64\n%p = getelementptr i8, ptr %m, i64 4\n%r = load i64, ptr %p", "beyond its end"},
        Unknown{"%m = alloca i64\n%p = getelementptr i8, ptr %m, i64 %a\n%r = load i64, ptr %p",
                "with more than 8 values"},
        Unknown{"%p = inttoptr i64 %a to ptr\n%r = call i64 %p(i64 0)", "a call through a pointer is not understood"},
        Unknown{"%m = alloca i64\n%r = atomicrmw add ptr %m, i64 1 seq_cst", "an instruction is not understood"}),
    [](const auto& parameter) { return "Number" + std::to_string(parameter.index); });

TEST_F(Assembly, APlaceThatMayBeReachedMustBeUnderstoodAndNoOther) {
  const std::string text = R"(
    define i64 @f(i64 %a) {
    entry:
      %odd = and i64 %a, 1
      %big = icmp ugt i64 %odd, 1
      br i1 %big, label %never, label %end
    never:
      unreachable
    end:
      ret i64 %odd
    })";
  EXPECT_NO_THROW(run(text, {any_bits("a", kLong)}));
  std::string reached = text;
  reached.replace(reached.find("%odd, 1"), 7, "%odd, 0");
  EXPECT_THAT([&] { run(reached, {any_bits("a", kLong)}); },
              ThrowsMessage<KernelCodeError>(HasSubstr("a place that must not be reached")));
}

TEST_F(Assembly, AShiftByTooMuchIsAnyNumber) {
  const z3::expr result =
      as_bits(run("define i64 @f(i64 %a) {\n%r = shl i64 1, %a\nret i64 %r\n}", {bits_of(64, kLong)}));
  EXPECT_FALSE(numeral_of(result).has_value());
}

TEST_F(Assembly, WhatIsEstablishedIsShownFirstAndIsPartOfWhatTheProofRestsOn) {
  run("define i64 @f(i64 %a) {\nret i64 %a\n}", {any_bits("a", kLong)});
  const SymbolicWord x = word_of_bits(any_bits("x", kInt)), y = word_of_bits(any_bits("y", kInt));
  const SymbolicBool fact = !(x + y < x);
  // What one scene has found out, another need not ask; but it rests on it as well.
  for (std::size_t times = 1; times <= 2; ++times) {
    interpreter_->establish(fact);
    EXPECT_EQ(interpreter_->excluded().size(), times);
    EXPECT_FALSE(interpreter_->possible(!fact));
  }
  EXPECT_THAT([&] { interpreter_->establish(!(y < x)); }, ThrowsMessage<KernelCodeError>(HasSubstr("is not so")));
  EXPECT_TRUE(interpreter_->possible(y < x));
}

TEST_F(Assembly, NoBitcodeIsAnError) {
  EXPECT_THAT([] { KernelCode::parse("no assembly"); }, ThrowsMessage<KernelCodeError>(HasSubstr("no LLVM bitcode")));
  EXPECT_THAT([] { KernelCode("/nonexistent.bc"); }, ThrowsMessage<KernelCodeError>(HasSubstr("/nonexistent.bc")));
}

TEST_F(Assembly, AFunctionOfAnotherShapeIsAnErrorThatSaysWhichWasExpected) {
  EXPECT_THAT([&] { run("define i64 @f(i64 %a, i64 %b) {\nret i64 %a\n}", {any_bits("a", kLong)}); },
              ThrowsMessage<KernelCodeError>("f() takes 2 arguments, not 1"));
  EXPECT_THAT([&] { run("define i64 @g(i64 %a) {\nret i64 %a\n}", {any_bits("a", kLong)}); },
              ThrowsMessage<KernelCodeError>(HasSubstr("no function f(): this tree has it in another file, in another "
                                                       "form, or the compiler has left it out")));
  EXPECT_THAT([&] { run("declare i64 @f(i64)", {any_bits("a", kLong)}); },
              ThrowsMessage<KernelCodeError>(HasSubstr("no function f()")));
}

TEST_F(Assembly, MissingDebugInformationIsAnErrorThatSaysSo) {
  const KernelCode code = KernelCode::parse("%struct.cred = type { i64 }\ndefine void @f(ptr %c) {\nret void\n}");
  EXPECT_THAT([&] { code.field("cred", "cap_effective"); },
              ThrowsMessage<KernelCodeError>("the bitcode has no debug information, by which struct cred was looked "
                                             "for: expected that of clang -g"));
}

/// The kernel's own code.
class KernelBitcode : public testing::Test {
 protected:
  static void SetUpTestSuite() { code = new KernelCode(kernel_bitcode("6.12+userns", "")); }
  static void TearDownTestSuite() { delete code; }

  static const KernelCode* code;
};
const KernelCode* KernelBitcode::code = nullptr;

TEST_F(KernelBitcode, SaysWhereFieldsAre) {
  const FieldPlace effective = code->field("cred", "cap_effective"), userns = code->field("cred", "cap_userns");
  EXPECT_EQ(effective.size, 8u);
  EXPECT_EQ(code->field_name("cred", effective.offset), "cap_effective.val");
  EXPECT_NE(effective.offset, userns.offset);
  EXPECT_EQ(code->field("user_namespace", "uid_map.extent.1.count").offset -
                code->field("user_namespace", "uid_map.extent.0.count").offset,
            code->size_of("uid_gid_extent"));
  EXPECT_THAT([] { code->field("cred", "cap_unheard_of"); },
              ThrowsMessage<KernelCodeError>("the kernel's struct cred has no field cap_unheard_of"));
  EXPECT_THAT([] { code->size_of("unheard_of"); }, ThrowsMessage<KernelCodeError>(HasSubstr("no struct unheard_of")));
  EXPECT_THAT([] { code->function("unheard_of"); }, ThrowsMessage<KernelCodeError>(HasSubstr("unheard_of()")));
}

TEST_F(KernelBitcode, ACallWithoutAContractIsAnErrorWithItsLine) {
  const TermScope terms;
  Query query(kTime);
  const Contracts none;
  Interpreter interpreter(*code, none, query);
  const ObjectId task = interpreter.add_object("task", "task_struct"), cred = interpreter.add_object("cred", "cred");
  interpreter.set(task, "cred", Value(Pointer::to(cred)));
  interpreter.set_bytes(interpreter.variable("capcheck_current"), 0, 8, Value(Pointer::to(task)));
  State state;
  constexpr std::uint64_t kSetKeepcaps = 8;
  const std::vector<Value> arguments{bits_of(kSetKeepcaps, kInt), any_bits("a", kLong), any_bits("b", kLong),
                                     any_bits("c", kLong), any_bits("d", kLong)};
  EXPECT_THAT([&] { interpreter.run("cap_task_prctl", arguments, state); },
              ThrowsMessage<KernelCodeError>(
                  MatchesRegex("kernel/cred\\.c:[0-9]+, prepare_creds\\(\\): a call of kmem_cache_alloc.*neither.*")));
}

}  // namespace
}  // namespace capcheck
