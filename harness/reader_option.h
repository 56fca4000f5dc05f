// --reader rig|vpcd, as several commands take it.
#pragma once

#include "harness/reader_kind.h"

#include <map>
#include <string>

#include <CLI/CLI.hpp>

namespace cardrig::harness {

inline CLI::Option* add_reader_option(CLI::App& command, ReaderKind& kind) {
    const std::map<std::string, ReaderKind> kinds{{"rig", ReaderKind::rig}, {"vpcd", ReaderKind::vpcd}};
    return command
        .add_option_function<std::string>(
            "--reader", [&kind, kinds](const std::string& word) { kind = kinds.at(word); },
            "rig: cardrig's own readers (exact errors, instant events; the default); vpcd: vsmartcard's, at "
            "most two")
        ->type_name("rig|vpcd")
        ->check(CLI::Validator(
            [kinds](const std::string& word) {
                return kinds.contains(word) ? std::string() : "'" + word + "' is no reader: rig, or vpcd";
            },
            ""));
}

} // namespace cardrig::harness
