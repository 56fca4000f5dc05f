#include "harness/doctor/check.h"
#include "harness/errors.h"
#include "harness/ifd/reader_server.h"
#include "harness/rig/pcsc_host.h"
#include "harness/rig/program_output.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <pcsclite.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

std::string on_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    std::string folder;
    while (std::getline(folders, folder, ':')) {
        const std::string candidate = folder + "/" + program;
        std::error_code unreadable;
        if (folder.starts_with('/') && fs::is_regular_file(candidate, unreadable) &&
            access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
    }
    return {};
}

using KeepWaiting = std::function<void()>;

/// The first line that has a number in it: some programs say other things first.
std::string version_line(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        if (line.find_first_of("0123456789") != std::string::npos) {
            return line;
        }
    }
    return "which says no version";
}

/// A program and what it says of its version.
std::string with_version(const std::string& program, const std::vector<std::string>& words,
                         const KeepWaiting& keep_waiting) {
    if (words.empty()) {
        return program;
    }
    std::vector<std::string> command{program};
    command.insert(command.end(), words.begin(), words.end());
    try {
        return fmt::format("{} ({})", program, version_line(program_output(command, keep_waiting)));
    } catch (const HostError& error) {
        return fmt::format("{} ({})", program, error.what());
    }
}

struct Tool {
    const char* program;
    std::vector<std::string> version; ///< the words that make it tell; none where it does not
    const char* package;
    const char* means;
    bool needed;
};

std::vector<Tool> tools() {
    return {
        {"yubico-piv-tool",
         {"--version"},
         "yubico-piv-tool",
         "run: the shipped scenarios' client drives it",
         true},
        {"openssl",
         {"version"},
         "openssl",
         "run: the shipped scenarios' client certifies keys with it",
         true},
        {"opensc-tool",
         {"--info"},
         "opensc",
         "a client: cardrig's own tests, and a first look at a card",
         false},
        {"pkcs11-tool", {}, "opensc", "a client: cardrig's own tests", false},
        {"unshare", {"--version"}, "util-linux", "cardrig's own tests", false},
    };
}

Check check_tool(const Tool& tool, const KeepWaiting& keep_waiting) {
    Check check{tool.program, CheckState::ok, on_path(tool.program), tool.means, {}, tool.needed};
    if (check.found.empty()) {
        check.state = CheckState::missing;
        check.found = "not on PATH";
        check.package = tool.package;
        return check;
    }
    check.found = with_version(check.found, tool.version, keep_waiting);
    return check;
}

Check check_pytest(const KeepWaiting& keep_waiting) {
    Check check{"pytest", CheckState::missing, "not there", "cardrig's own tests", "python3-pytest", false};
    const std::string python = "/usr/bin/python3";
    if (access(python.c_str(), X_OK) == 0) {
        const std::string said = with_version(python, {"-m", "pytest", "--version"}, keep_waiting);
        if (said.find("(pytest ") != std::string::npos) {
            return {"pytest", CheckState::ok, said, check.means, {}, false};
        }
    }
    return check;
}

/// Something that is a file in one of some places.
Check check_file(Check check, const std::vector<std::string>& places) {
    for (const std::string& place : places) {
        if (access(place.c_str(), R_OK) == 0) {
            check.found = place;
            check.package.clear();
            return check;
        }
    }
    check.state = CheckState::missing;
    check.found = fmt::format("no {}", fmt::join(places, ", no "));
    return check;
}

/// OpenSSL says so itself: ENGINESDIR: "/usr/lib/x86_64-linux-gnu/engines-3".
std::string engines_folder() {
    const std::string text = OpenSSL_version(OPENSSL_ENGINES_DIR);
    const std::size_t begin = text.find('"');
    const std::size_t end = text.rfind('"');
    return begin == std::string::npos || end == begin ? std::string()
                                                      : text.substr(begin + 1, end - begin - 1);
}

/// Beside the engines' folder are the libraries of this architecture.
std::vector<std::string> libfaketime_places(const std::string& engines) {
    const std::string libraries = fs::path(engines).parent_path().string();
    return {libraries + "/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1",
            "/usr/local/lib/faketime/libfaketime.so.1"};
}

Check check_pcscd(const KeepWaiting& keep_waiting) {
    Check check{"pcscd", CheckState::ok, {}, "run, exec: the private PC/SC daemon", {}, true};
    try {
        check.found = with_version(find_pcscd(), {"--version"}, keep_waiting);
    } catch (const HostError& error) {
        check.state = CheckState::missing;
        check.found = error.what();
        check.package = "pcscd";
    }
    return check;
}

/// Where the daemon looks for it, or where it usually is if there is no daemon to ask.
std::string vpcd(const KeepWaiting& keep_waiting) {
    try {
        return find_vpcd(find_pcsc_host(keep_waiting).drivers);
    } catch (const HostError&) {
        return find_vpcd();
    }
}

Check check_driver() {
    Check check{"driver", CheckState::ok, {}, "run, exec: the readers that cards are put in", {}, true};
    try {
        check.found = find_driver();
    } catch (const HostError& error) {
        check.state = CheckState::missing;
        check.found = error.what();
    }
    return check;
}

Check check_vpcd(const KeepWaiting& keep_waiting) {
    Check check{"vpcd", CheckState::ok, {}, "run, exec: --reader vpcd", {}, false};
    try {
        check.found = vpcd(keep_waiting);
    } catch (const HostError& error) {
        check.state = CheckState::missing;
        check.found = error.what();
        check.package = "vsmartcard-vpcd";
    }
    return check;
}

Check check_library() {
    const std::string protocol = pcsc_protocol();
    Check check{
        "libpcsclite",
        CheckState::ok,
        fmt::format("built with version {}, speaks protocol {}", PCSCLITE_VERSION_NUMBER, protocol),
        "run, exec: clients must speak the protocol of the daemon, also those in containers or with a "
        "library of their own",
        {},
        false};
    if (protocol.empty()) {
        check.state = CheckState::limited;
        check.found = fmt::format("built with version {}; what protocol it speaks it did not say",
                                  PCSCLITE_VERSION_NUMBER);
    }
    return check;
}

} // namespace

Checks check_software(const KeepWaiting& keep_waiting) {
    Checks checks{check_pcscd(keep_waiting), check_driver(), check_vpcd(keep_waiting), check_library()};
    for (const Tool& tool : tools()) {
        checks.push_back(check_tool(tool, keep_waiting));
    }
    checks.push_back(check_pytest(keep_waiting));
    checks.push_back({"openssl-library",
                      CheckState::ok,
                      OpenSSL_version(OPENSSL_VERSION),
                      "every card's cryptography; keys of a seed are the same for one version of it",
                      {},
                      false});
    const std::string engines = engines_folder();
    checks.push_back(check_file({"engine-pkcs11",
                                 CheckState::ok,
                                 {},
                                 "clients that use a card's keys through OpenSSL's own commands",
                                 "libengine-pkcs11-openssl",
                                 false},
                                {engines + "/pkcs11.so"}));
    checks.push_back(check_file(
        {"libfaketime", CheckState::ok, {}, "run: clients at another date (clock)", "libfaketime", false},
        libfaketime_places(engines)));
    return checks;
}

} // namespace cardrig::harness
