#include "harness/command_line.h"
namespace cardrig::harness {
void add_doctor_command(CLI::App&, int&) {}
} // namespace cardrig::harness
