// bench [--json FILE] [--brief] [PART ...]: measures, prints a table, writes JSON. tests/benchmarks/README.md
// says what each figure means.
#include "harness/files.h"
#include "tests/benchmarks/parts.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/utsname.h>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>

namespace {

using namespace cardrig::benchmarks;

struct Part {
    std::string_view name;
    std::vector<Figure> (*measure)(const Effort&);
};

constexpr std::array parts{
    Part{"in-process", in_process}, Part{"round-trip", round_trips},
    Part{"signature", signatures},  Part{"key-generation", key_generation},
    Part{"exec", exec_start},       Part{"serve", serve_start},
    Part{"readers", readers},       Part{"crash-images", crash_images},
};

std::string first_line_with(const char* file, std::string_view begin) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(begin)) {
            return line.substr(std::min(line.size(), line.find(':') + 2));
        }
    }
    return "";
}

nlohmann::json machine() {
    utsname name{};
    uname(&name);
    std::ifstream load("/proc/loadavg");
    std::string busy;
    load >> busy;
    return {{"processor", first_line_with("/proc/cpuinfo", "model name")},
            {"cores", std::thread::hardware_concurrency()},
            {"system", fmt::format("{} {} {}", name.sysname, name.release, name.machine)},
            {"compiler", __VERSION__},
            {"openssl", OpenSSL_version(OPENSSL_VERSION)},
            {"load before", busy}};
}

struct Request {
    std::string json;
    bool brief = false;
    std::vector<std::string> names;
};

int measure(const Request& request) {
    const auto folder = std::filesystem::canonical("/proc/self/exe").parent_path();
    const Effort effort{request.brief, (folder / "cardrig").string(), (folder / "stamp").string()};
    nlohmann::json result{
        {"machine", machine()}, {"brief", request.brief}, {"figures", nlohmann::json::array()}};
    std::vector<Figure> figures;
    for (const Part& part : parts) {
        if (!request.names.empty() && std::ranges::find(request.names, part.name) == request.names.end()) {
            continue;
        }
        fmt::print(stderr, "bench: {} ...\n", part.name);
        for (Figure& figure : part.measure(effort)) {
            result["figures"].push_back(figure.to_json());
            figures.push_back(std::move(figure));
        }
    }
    fmt::print("{}", table(figures));
    if (!request.json.empty()) {
        cardrig::harness::write_file(request.json, result.dump(2) + '\n');
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    Request request;
    CLI::App app("Measures cardrig against what was measured in the same run.");
    app.add_option("--json", request.json, "write all figures here")->type_name("FILE");
    app.add_flag("--brief", request.brief, "as few samples as possible: shows that it works, not how fast");
    std::vector<std::string> names;
    for (const Part& part : parts) {
        names.emplace_back(part.name);
    }
    app.add_option("part", request.names, "the parts to measure; all where none is named")
        ->check(CLI::IsMember(names));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    try {
        return measure(request);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench: {}\n", error.what());
        return 1;
    }
}
