// SPDX-License-Identifier: GPL-2.0-only
// For tests: the processes of this machine, as /proc/PID/stat has them (proc(5)).
#ifndef CAPCHECK_FUZZ_SUT_PROCESSES_TEST_H_
#define CAPCHECK_FUZZ_SUT_PROCESSES_TEST_H_

#include <sys/types.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace capcheck {

struct ProcessStat {
  pid_t id = 0;
  char state = 0;
  pid_t parent = 0, group = 0;
};

/// Every process but those that end while it looks.
inline std::vector<ProcessStat> processes() {
  std::vector<ProcessStat> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    if (!std::getline(file, text) || text.find(')') == std::string::npos) continue;
    ProcessStat process;
    process.id = std::atoi(text.c_str());
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    if (fields >> process.state >> process.parent >> process.group) all.push_back(process);
  }
  return all;
}

}  // namespace capcheck

#endif
