// The command: cardrig exec | run | card | trace.
#include "harness/command_line.h"

int main(int argc, char** argv) {
    return cardrig::harness::run_command_line(argc, argv);
}
