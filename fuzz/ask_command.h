// SPDX-License-Identifier: GPL-2.0-only
// `capcheck ask`: questions in plain terms, answered with a proof or a trace that a kernel follows.
#ifndef CAPCHECK_FUZZ_ASK_COMMAND_H_
#define CAPCHECK_FUZZ_ASK_COMMAND_H_

#include <CLI/CLI.hpp>

namespace capcheck {

/// Registers `capcheck ask`; `status` becomes 0 if all is answered, and as expected; 1 if an answer is another than
/// expected, or the kernel does not follow a trace; 2 if a question found no answer. Parsing throws QuestionError and
/// what Asker does.
void add_ask_command(CLI::App& app, int& status);

}  // namespace capcheck

#endif
