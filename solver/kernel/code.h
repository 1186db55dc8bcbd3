// SPDX-License-Identifier: GPL-2.0-only
// The kernel's code, as LLVM bitcode with debug information: its functions, and where the fields of its structures are.
#ifndef CAPCHECK_SOLVER_KERNEL_CODE_H_
#define CAPCHECK_SOLVER_KERNEL_CODE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace llvm {
class Function;
class Instruction;
class Module;
}  // namespace llvm

namespace capcheck {

/// Something in the kernel's code that is not what was expected, or is not understood. what() says where.
struct KernelCodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where a field is in its structure, in bytes.
struct FieldPlace {
  std::uint64_t offset, size;

  std::uint64_t end() const { return offset + size; }
};

/// A kernel's bitcode.
class KernelCode {
 public:
  /// Reads a file that fuzz/kernel/build_bitcode has made. Throws KernelCodeError.
  explicit KernelCode(const std::filesystem::path& file);
  /// The same of LLVM assembly: for tests.
  static KernelCode parse(const std::string& assembly);
  ~KernelCode();
  KernelCode(KernelCode&&) noexcept;

  const llvm::Module& module() const;

  /// A function that is defined. Throws KernelCodeError if there is none.
  const llvm::Function& function(std::string_view name) const;

  /// The size of a structure. Throws KernelCodeError if there is none.
  std::uint64_t size_of(std::string_view structure) const;

  /// Where a field is: "cap_permitted"; of members that are structures or arrays, "uid_map.extent.0.first". Throws
  /// KernelCodeError if there is none, or if it is no whole number of bytes.
  FieldPlace field(std::string_view structure, std::string_view path) const;
  /// The same of a bit-field: where it begins and how long it is, in bits.
  FieldPlace bit_field(std::string_view structure, std::string_view name) const;
  bool has_field(std::string_view structure, std::string_view path) const;

  /// The name of the innermost field at an offset: "cap_permitted.val"; "+4" where there is none.
  std::string field_name(std::string_view structure, std::uint64_t offset) const;

 private:
  struct Content;
  explicit KernelCode(std::unique_ptr<Content> content);

  std::unique_ptr<Content> content_;
};

/// The functions of a bitcode file as text, to be compared with those of another: without debug information, the lines
/// that warnings name, and what else says nothing of what the code does. Throws KernelCodeError.
std::map<std::string, std::string> function_texts(const std::filesystem::path& file);

/// "security/commoncap.c:123, cap_capset()": where an instruction comes from.
std::string describe_place(const llvm::Instruction& instruction);

}  // namespace capcheck

#endif
