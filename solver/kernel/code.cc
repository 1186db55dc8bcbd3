// SPDX-License-Identifier: GPL-2.0-only
#include "solver/kernel/code.h"

#include <fmt/format.h>
#include <llvm/AsmParser/Parser.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Instruction.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/IRReader/IRReader.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>

#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace capcheck {
namespace {

constexpr std::uint64_t kBitsOfByte = 8;

/// What a name of a type stands for.
const llvm::DIType* resolve(const llvm::DIType* type) {
  while (const auto* derived = llvm::dyn_cast_or_null<llvm::DIDerivedType>(type)) {
    const unsigned tag = derived->getTag();
    if (tag != llvm::dwarf::DW_TAG_typedef && tag != llvm::dwarf::DW_TAG_const_type &&
        tag != llvm::dwarf::DW_TAG_volatile_type && tag != llvm::dwarf::DW_TAG_member) {
      break;
    }
    type = derived->getBaseType();
  }
  return type;
}

const llvm::DICompositeType* composite(const llvm::DIType* type) {
  return llvm::dyn_cast_or_null<llvm::DICompositeType>(resolve(type));
}

bool is_array(const llvm::DICompositeType& type) {
  return type.getTag() == llvm::dwarf::DW_TAG_array_type;
}

/// A part of a structure, and where it begins.
struct Part {
  const llvm::DIType* type;
  std::uint64_t offset;
};

std::optional<Part> find_element(const llvm::DICompositeType& array, std::string_view index) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(index.data(), index.data() + index.size(), number);
  if (error != std::errc() || end != index.data() + index.size()) return std::nullopt;
  const llvm::DIType* element = array.getBaseType();
  const std::uint64_t size = resolve(element)->getSizeInBits() / kBitsOfByte;
  if (size == 0 || (number + 1) * size * kBitsOfByte > array.getSizeInBits()) return std::nullopt;
  return Part{element, number * size};
}

/// The member of that name, also within members without one.
std::optional<Part> find_member(const llvm::DICompositeType& type, std::string_view name) {
  if (is_array(type)) return find_element(type, name);
  for (const llvm::DINode* node : type.getElements()) {
    const auto* member = llvm::dyn_cast<llvm::DIDerivedType>(node);
    if (member == nullptr || member->isBitField()) continue;
    const std::uint64_t offset = member->getOffsetInBits() / kBitsOfByte;
    if (member->getName() == llvm::StringRef(name.data(), name.size())) return Part{member->getBaseType(), offset};
    const llvm::DICompositeType* inner = member->getName().empty() ? composite(member->getBaseType()) : nullptr;
    if (inner == nullptr) continue;
    if (auto found = find_member(*inner, name)) return Part{found->type, offset + found->offset};
  }
  return std::nullopt;
}

std::uint64_t size_in_bytes(const llvm::DIType* type) {
  while (type->getSizeInBits() == 0 && resolve(type) != type) type = resolve(type);
  return type->getSizeInBits() / kBitsOfByte;
}

std::unique_ptr<llvm::Module> read_module(llvm::MemoryBufferRef text, llvm::LLVMContext& context) {
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseIR(text, diagnostic, context);
  if (!module) throw KernelCodeError(fmt::format("no LLVM bitcode: {}", diagnostic.getMessage().str()));
  return module;
}

}  // namespace

struct KernelCode::Content {
  llvm::LLVMContext context{};
  std::unique_ptr<llvm::Module> module{};
  std::map<std::string, const llvm::DICompositeType*, std::less<>> structures{};
  mutable std::map<std::pair<std::string, std::string>, std::optional<FieldPlace>> places{};  ///< by structure and path

  explicit Content(llvm::MemoryBufferRef text) : module(read_module(text, context)) {
    llvm::DebugInfoFinder finder;
    finder.processModule(*module);
    for (const llvm::DIType* type : finder.types()) {
      const auto* structure = llvm::dyn_cast<llvm::DICompositeType>(type);
      if (structure && structure->getTag() == llvm::dwarf::DW_TAG_structure_type && !structure->isForwardDecl())
        structures.emplace(structure->getName().str(), structure);
    }
  }

  const llvm::DICompositeType& structure(std::string_view name) const {
    const auto found = structures.find(name);
    if (structures.empty()) {
      throw KernelCodeError(fmt::format(
          "the bitcode has no debug information, by which struct {} was looked for: expected that of clang -g", name));
    }
    if (found == structures.end()) {
      throw KernelCodeError(fmt::format("the kernel's debug information has no struct {}", name));
    }
    return *found->second;
  }

  std::optional<FieldPlace> find(std::string_view name, std::string_view path) const {
    const auto [place, is_new] = places.try_emplace({std::string(name), std::string(path)}, std::nullopt);
    if (is_new) place->second = search(name, path);
    return place->second;
  }

 private:
  std::optional<FieldPlace> search(std::string_view name, std::string_view path) const {
    Part part{&structure(name), 0};
    while (!path.empty()) {
      const std::size_t dot = path.find('.');
      const llvm::DICompositeType* outer = composite(part.type);
      const auto member = outer ? find_member(*outer, path.substr(0, dot)) : std::nullopt;
      if (!member) return std::nullopt;
      part = {member->type, part.offset + member->offset};
      path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
    }
    return FieldPlace{part.offset, size_in_bytes(part.type)};
  }
};

KernelCode::KernelCode(const std::filesystem::path& file) {
  auto buffer = llvm::MemoryBuffer::getFile(file.string());
  if (!buffer) throw KernelCodeError(fmt::format("cannot read {}: {}", file.string(), buffer.getError().message()));
  content_ = std::make_unique<Content>((*buffer)->getMemBufferRef());
}

KernelCode::KernelCode(std::unique_ptr<Content> content) : content_(std::move(content)) {}
KernelCode::KernelCode(KernelCode&&) noexcept = default;
KernelCode::~KernelCode() = default;

KernelCode KernelCode::parse(const std::string& assembly) {
  return KernelCode(std::make_unique<Content>(llvm::MemoryBufferRef(assembly, "assembly")));
}

const llvm::Module& KernelCode::module() const {
  return *content_->module;
}

const llvm::Function& KernelCode::function(std::string_view name) const {
  const llvm::Function* function = content_->module->getFunction(llvm::StringRef(name.data(), name.size()));
  if (function == nullptr || function->isDeclaration()) {
    throw KernelCodeError(fmt::format(
        "the kernel's bitcode has no function {}(): this tree has it in another file, in another form, or the compiler "
        "has left it out",
        name));
  }
  return *function;
}

std::uint64_t KernelCode::size_of(std::string_view structure) const {
  return content_->structure(structure).getSizeInBits() / kBitsOfByte;
}

FieldPlace KernelCode::field(std::string_view structure, std::string_view path) const {
  const auto place = content_->find(structure, path);
  if (!place || place->size == 0)
    throw KernelCodeError(fmt::format("the kernel's struct {} has no field {}", structure, path));
  return *place;
}

FieldPlace KernelCode::bit_field(std::string_view structure, std::string_view name) const {
  for (const llvm::DINode* node : content_->structure(structure).getElements()) {
    const auto* member = llvm::dyn_cast<llvm::DIDerivedType>(node);
    if (member != nullptr && member->isBitField() && member->getName() == llvm::StringRef(name.data(), name.size()))
      return {member->getOffsetInBits(), member->getSizeInBits()};
  }
  throw KernelCodeError(fmt::format("the kernel's struct {} has no bit-field {}", structure, name));
}

bool KernelCode::has_field(std::string_view structure, std::string_view path) const {
  return content_->find(structure, path).has_value();
}

std::string KernelCode::field_name(std::string_view structure, std::uint64_t offset) const {
  const auto found = content_->structures.find(structure);
  const llvm::DICompositeType* type = found == content_->structures.end() ? nullptr : found->second;
  std::string name;
  while (type != nullptr) {
    const llvm::DICompositeType* inner = nullptr;
    if (is_array(*type)) {
      const std::uint64_t size = size_in_bytes(type->getBaseType());
      if (size == 0) break;
      name += fmt::format("{}{}", name.empty() ? "" : ".", offset / size);
      offset %= size;
      inner = composite(type->getBaseType());
    } else {
      for (const llvm::DINode* node : type->getElements()) {
        const auto* member = llvm::dyn_cast<llvm::DIDerivedType>(node);
        if (member == nullptr) continue;
        const std::uint64_t begin = member->getOffsetInBits() / kBitsOfByte;
        if (offset < begin || offset >= begin + size_in_bytes(member)) continue;
        if (!member->getName().empty()) name += fmt::format("{}{}", name.empty() ? "" : ".", member->getName().str());
        offset -= begin;
        inner = composite(member->getBaseType());
        break;
      }
    }
    type = inner;
  }
  if (offset != 0 || name.empty()) name += fmt::format("+{}", offset);
  return name;
}

namespace {

/// What the code does not depend on.
void drop_what_says_nothing(llvm::Instruction& instruction) {
  instruction.setDebugLoc({});
  instruction.dropUnknownNonDebugMetadata();
  auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction);
  if (call == nullptr) return;
  call->setAttributes({});
  // Where a warning comes from, in lines.
  const llvm::Function* called = call->getCalledFunction();
  if (called == nullptr || (called->getName() != "capcheck_warn" && called->getName() != "_printk")) return;
  for (llvm::Use& argument : call->args()) {
    if (llvm::isa<llvm::ConstantInt>(argument)) argument.set(llvm::ConstantInt::get(argument->getType(), 0));
  }
}

/// Names a text by what it says, not by how many there are before it.
void name_by_content(llvm::GlobalVariable& variable) {
  if (!variable.hasPrivateLinkage() || !variable.hasInitializer() || !variable.getName().starts_with(".str")) return;
  const auto* data = llvm::dyn_cast<llvm::ConstantDataSequential>(variable.getInitializer());
  if (data != nullptr)
    variable.setName(fmt::format("text.{:x}", std::hash<std::string>()(data->getRawDataValues().str())));
}

}  // namespace

std::map<std::string, std::string> function_texts(const std::filesystem::path& file) {
  auto buffer = llvm::MemoryBuffer::getFile(file.string());
  if (!buffer) throw KernelCodeError(fmt::format("cannot read {}: {}", file.string(), buffer.getError().message()));
  llvm::LLVMContext context;
  const std::unique_ptr<llvm::Module> module = read_module((*buffer)->getMemBufferRef(), context);
  llvm::StripDebugInfo(*module);
  for (llvm::GlobalVariable& variable : module->globals()) name_by_content(variable);
  for (llvm::Function& function : *module) {
    function.setAttributes({});
    for (llvm::BasicBlock& block : function) {
      for (llvm::Instruction& instruction : block) drop_what_says_nothing(instruction);
    }
  }
  std::map<std::string, std::string> texts;
  for (const llvm::Function& function : *module) {
    if (function.isDeclaration()) continue;
    llvm::raw_string_ostream stream(texts[function.getName().str()]);
    function.print(stream);
  }
  return texts;
}

std::string describe_place(const llvm::Instruction& instruction) {
  const llvm::DebugLoc& place = instruction.getDebugLoc();
  std::string function = instruction.getFunction()->getName().str();
  if (!place) return fmt::format("{}() (line unknown)", function);
  const auto* scope = llvm::cast<llvm::DILocalScope>(place.getScope());
  std::string file = scope->getFilename().str();
  if (const llvm::DISubprogram* inlined = scope->getSubprogram()) function = inlined->getName().str();
  // Where the cache has the tree, and what is patched of it, says nothing.
  for (const std::string_view above : {"/source/", "/overlays/", "/headers/"}) {
    const std::size_t found = file.rfind(above);
    if (found == std::string::npos) continue;
    file = file.substr(found + above.size());
    if (above != "/source/") file = file.substr(file.find('/') + 1);
    break;
  }
  return fmt::format("{}:{}, {}()", file, place.getLine(), function);
}

}  // namespace capcheck
