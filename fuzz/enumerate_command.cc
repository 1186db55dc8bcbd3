// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/enumerate_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/enumerate.h"
#include "model/trace_text.h"

namespace capcheck {
namespace {

struct EnumerateOptions {
  std::string profile = "6.12+userns";
  std::vector<std::string> worlds;
  std::string fault;
  std::filesystem::path kernel;
  bool model_only = false;
  bool json = false;
};

double a_second(std::size_t count, double seconds) {
  return static_cast<double>(count) / seconds;
}

/// An invariant that did not come out as claimed. That a refuted one breaks is not asked of every small world: it may
/// take calls that the world does not have.
bool is_finding(const Exhausted& exhausted) {
  return exhausted.claim == Claim::holds && exhausted.broken;
}

/// What a state has that the profile's initial state has not, in one line.
std::string describe_start(const TaskState<Concrete>& start, const Profile& profile) {
  return fmt::format("uid {}, securebits {:#x}, CapPrm = CapEff = CapBnd {}", start.cred.uid, start.cred.securebits,
                     describe_set(start.cred.permitted, profile.full_set()));
}

void print_path(const Path& path, const Profile& profile) {
  fmt::print("        from {}\n", describe_start(path.start, profile));
  for (const Call<Concrete>& call : path.calls) fmt::print("        {}\n", print_call(call));
}

void print_invariants(const Enumeration& found, const Profile& profile) {
  std::size_t held = 0, not_met = 0;
  for (const Exhausted& each : found.invariants) {
    if (each.broken) {
      fmt::print("    broken: {} ({}){}\n", each.info->name, each.info->formula,
                 each.claim == Claim::refuted ? ", as expected" : "");
      print_path(*each.broken, profile);
    } else if (each.met) {
      ++held;
    } else {
      ++not_met;
    }
  }
  fmt::print("    {} invariants hold in every state and step; {} speak of nothing that is here\n", held, not_met);
}

void print_difference(const Difference& difference, const Profile& profile) {
  fmt::print("    the kernel differs at {}, in the state\n", print_call(difference.call));
  for (const StateField& field : state_fields())
    fmt::print("      {}: {}\n", field.name, print_field(field, field.get(difference.before)));
  fmt::print("  {:<12} {:<20} {}\n{}", "", "model", to_string(profile), difference.report);
}

/// Whether there is a finding. The kernel is null if it is not asked.
bool look_at(const EnumerateOptions& options, const Profile& profile, const SmallWorld& world, InProcessKernel* kernel,
             nlohmann::json& rows) {
  const Fault fault = options.fault.empty() ? Fault::none : find_fault(options.fault).fault;
  const Enumeration found = enumerate_model(profile, world, fault);
  bool finding = std::ranges::any_of(found.invariants, is_finding);
  nlohmann::json row = {{"world", std::string(world.name)}, {"starts", world.starts.size()},
                        {"calls", world.calls.size()},      {"states", found.states.size()},
                        {"model_steps", found.steps},       {"model_seconds", found.seconds},
                        {"broken", nlohmann::json::array()}};
  for (const Exhausted& each : found.invariants) {
    if (each.broken) row["broken"].push_back(std::string(each.info->name));
  }
  if (!options.json) {
    fmt::print("  {}: {}\n", world.name, world.words);
    fmt::print("    capabilities {}; {} starts, {} calls\n", describe_set(world.set(), profile.full_set()),
               world.starts.size(), world.calls.size());
    fmt::print("    model: {} states, {} steps in {:.1f} s, {:.1f} million a second\n", found.states.size(),
               found.steps, found.seconds, a_second(found.steps, found.seconds) / 1e6);
    print_invariants(found, profile);
  }
  if (kernel) {
    const KernelEnumeration compared = enumerate_kernel(profile, world, found.states, *kernel);
    finding = finding || compared.difference;
    row["kernel_steps"] = compared.steps;
    row["kernel_seconds"] = compared.seconds;
    row["kernel_differs"] = compared.difference.has_value();
    if (!options.json) {
      fmt::print("    kernel in process, Linux {}: {} steps in {:.1f} s, {:.1f} million a second: {}\n",
                 kernel->release(), compared.steps, compared.seconds, a_second(compared.steps, compared.seconds) / 1e6,
                 compared.difference ? "it differs" : "as the model, every result, output and state");
      if (compared.difference) print_difference(*compared.difference, profile);
    }
  } else if (!options.model_only && !options.json) {
    fmt::print("    the kernel is not asked: a model with a fault has states that it does not reach\n");
  }
  rows.push_back(std::move(row));
  return finding;
}

int run(const EnumerateOptions& options) {
  const Profile profile = parse_profile(options.profile);
  std::vector<SmallWorld> worlds;
  for (const std::string& name : options.worlds) worlds.push_back(find_small_world(profile, name));
  if (worlds.empty()) worlds = small_worlds(profile);
  // What is wrong with the kernel is said before the model is run.
  std::optional<InProcessKernel> kernel;
  if (!options.model_only && options.fault.empty())
    kernel.emplace(options.kernel.empty() ? kernel_file(profile) : options.kernel, profile);
  if (!options.json) fmt::print("{}, one task, every call in every state that calls reach\n", to_string(profile));
  auto rows = nlohmann::json::array();
  bool finding = false;
  for (const SmallWorld& world : worlds)
    finding = look_at(options, profile, world, kernel ? &*kernel : nullptr, rows) || finding;
  if (options.json) fmt::print("{}\n", rows.dump(2));
  return finding ? 1 : 0;
}

}  // namespace

void add_enumerate_command(CLI::App& app, int& status) {
  auto options = std::make_shared<EnumerateOptions>();
  CLI::App* command = app.add_subcommand(
      "enumerate",
      "Make every call in every reachable state of small worlds, on the model and on the kernel in process");
  command->add_option("--profile", options->profile, "The kernel whose rules to ask")->capture_default_str();
  command->add_option("--world", options->worlds,
                      "The small worlds to look at (sets, files, ids); all if none is given");
  command->add_option("--fault", options->fault,
                      "A fault planted in the model, for the invariants to break; no kernel is asked then");
  command->add_option("--kernel", options->kernel, "The kernel's file, if not the one of the profile")
      ->excludes("--fault");
  command->add_flag("--model", options->model_only, "Only the model")->excludes("--kernel");
  command->add_flag("--json", options->json, "Print one JSON array instead of text");
  command->footer("Example: capcheck enumerate --profile 6.12+userns --world sets");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace capcheck
