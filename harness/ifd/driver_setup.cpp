// What pcscd is told of our driver, and where that is.
#include "harness/errors.h"
#include "harness/ifd/reader_server.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include <dlfcn.h>
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
        throw RequestError(fmt::format("a reader cannot be named \"{}\": give 1 to {} bytes (a letter beyond "
                                       "ASCII has more than one), without quotation marks, tabs, line breaks "
                                       "and other control characters",
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

/// What is wrong with a driver, which pcscd would tell its log alone: nothing where it is empty.
std::string trouble_with(const std::string& driver) {
    std::error_code error;
    if (!fs::is_regular_file(driver, error)) {
        return "it is not a file";
    }
    if (driver.starts_with("/run/")) {
        return "the private pcscd cannot see what is below /run: put it elsewhere";
    }
    void* const library = dlopen(driver.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) {
        return fmt::format("it cannot be loaded ({})", dlerror());
    }
    const bool creates_channels = dlsym(library, "IFDHCreateChannelByName") != nullptr;
    dlclose(library);
    return creates_channels ? "" : "it is a library, and no driver for pcscd";
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
        // A link's own place may be hidden from the private pcscd.
        const std::string driver = fs::canonical(given).string();
        if (const std::string trouble = trouble_with(driver); !trouble.empty()) {
            throw HostError(fmt::format("cannot use {}, which CARDRIG_IFD names: {}; correct it, or unset it",
                                        given, trouble));
        }
        return driver;
    }
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    fs::path driver = program.parent_path().parent_path() / "lib/cardrig/libifdcardrig.so";
    if (error || access(driver.c_str(), R_OK) != 0) {
        throw HostError(
            fmt::format("our own driver for pcscd is not at {}: install cardrig as a whole, or name "
                        "the driver by CARDRIG_IFD",
                        driver.string()));
    }
    driver = fs::canonical(driver);
    if (const std::string trouble = trouble_with(driver); !trouble.empty()) {
        throw HostError(fmt::format("cannot use our own driver for pcscd, {}: {}; install cardrig anew, or "
                                    "name the driver by CARDRIG_IFD",
                                    driver.string(), trouble));
    }
    return driver.string();
}

} // namespace cardrig::harness
