// What pcscd is told of our driver, and where that is.
#include "harness/errors.h"
#include "harness/ifd/reader_server.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// pcscd appends its numbers, and a name has 128 bytes with the zero at its end.
constexpr std::size_t most_name_bytes = 121;

void check_name(const std::string& name) {
    const bool readable = std::all_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) >= ' ' && c != '"' && c != '\x7F';
    });
    if (name.empty() || name.size() > most_name_bytes || !readable) {
        throw RequestError(fmt::format("a reader cannot be named \"{}\": give 1 to {} characters, without "
                                       "quotation marks and line breaks",
                                       name, most_name_bytes));
    }
}

/// What pcscd's parser takes for one word.
void check_path(const std::string& path) {
    const bool plain = std::all_of(path.begin(), path.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/-._@:=").find(c) != std::string_view::npos;
    });
    if (!plain) {
        throw RequestError(fmt::format("pcscd's configuration cannot name {}: its path may have letters, "
                                       "digits and /-._@:= alone",
                                       path));
    }
}

} // namespace

std::string reader_configuration(const std::string& library, const std::string& socket,
                                 const std::vector<std::string>& names) {
    check_path(library);
    check_path(socket);
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        check_name(names[i]);
        // With a colon in its name a device need not be a file; the channel is not used then.
        text += fmt::format("FRIENDLYNAME \"{}\"\nDEVICENAME {}:{}\nLIBPATH {}\nCHANNELID {}\n\n", names[i],
                            socket, i, library, i);
    }
    return text;
}

std::string reader_name(const std::string& friendly, std::size_t index) {
    return fmt::format("{} {:02X} 00", friendly, index);
}

std::string find_driver() {
    if (const char* const given = std::getenv("CARDRIG_IFD"); given != nullptr && *given != '\0') {
        if (access(given, R_OK) != 0) {
            throw HostError(
                fmt::format("cannot read {}, which CARDRIG_IFD names: {}; correct it, or unset it", given,
                            std::strerror(errno)));
        }
        return fs::absolute(given).string();
    }
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    const fs::path driver = program.parent_path().parent_path() / "lib/cardrig/libifdcardrig.so";
    if (error || access(driver.c_str(), R_OK) != 0) {
        throw HostError(
            fmt::format("our own driver for pcscd is not at {}: install cardrig as a whole, or name "
                        "the driver by CARDRIG_IFD",
                        driver.string()));
    }
    return driver.string();
}

} // namespace cardrig::harness
