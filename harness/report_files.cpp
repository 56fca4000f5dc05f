#include "harness/report_files.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/junit.h"
#include "harness/rig/unique_fd.h"
#include "harness/trace_file.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

/// Mistakes that are told together.
class Mistakes {
public:
    void guard(const std::function<void()>& work) {
        try {
            work();
        } catch (const RequestError& error) {
            text_ += (text_.empty() ? "" : "\n") + std::string(error.what());
        }
    }
    void tell() const {
        if (!text_.empty()) {
            throw RequestError(text_);
        }
    }

private:
    std::string text_;
};

[[noreturn]] void refuse(const char* option, const fs::path& path, const std::string& reason) {
    throw RequestError(fmt::format("{}: cannot write {}: {}", option, path.string(), reason));
}

/// Really makes a file there, and takes it away: permissions alone do not tell.
void probe_folder(const char* option, const fs::path& path, const fs::path& folder) {
    std::string name = ((folder.empty() ? fs::path(".") : folder) / ".cardrig-XXXXXX").string();
    const UniqueFd file(::mkostemp(name.data(), O_CLOEXEC));
    if (!file) {
        refuse(option, path, std::strerror(errno));
    }
    ::unlink(name.c_str());
}

void probe_file(const char* option, const std::string& text) {
    if (text.empty()) {
        return;
    }
    std::error_code error;
    const fs::path path(text);
    const fs::file_status there = fs::status(path, error);
    if (fs::is_directory(there)) {
        refuse(option, path, "it is a folder");
    }
    if (fs::exists(there) && ::access(path.c_str(), W_OK) != 0) {
        refuse(option, path, std::strerror(errno));
    }
    if (fs::exists(there) && !fs::is_regular_file(there)) {
        return; // a device or a pipe is written to as it is
    }
    const fs::path real = fs::exists(there) ? fs::canonical(path, error) : path;
    probe_folder(option, path, real.parent_path());
}

void probe_keep(const std::string& text) {
    if (text.empty()) {
        return;
    }
    std::error_code error;
    fs::create_directories(text, error);
    if (error) {
        refuse("--keep", text, error.message());
    }
    probe_folder("--keep", text, text);
}

/// A trace of several scenarios: a note opens each.
void write_traces(const std::string& path, const std::vector<ScenarioReport>& reports) {
    TraceFile file(path);
    for (const ScenarioReport& report : reports) {
        TraceEvent note;
        note.kind = "note";
        note.fields = {{"scenario", report.file}, {"title", report.title}, {"verdict", word(report.verdict)}};
        file.write(note);
        for (const TraceEvent& event : report.events) {
            file.write(event);
        }
    }
}

void write_json(const std::string& path, const std::vector<ScenarioReport>& reports) {
    nlohmann::json json{{"scenarios", nlohmann::json::array()}};
    for (const ScenarioReport& report : reports) {
        json["scenarios"].push_back(report.summary());
    }
    write_file(path, json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

} // namespace

void probe_report_files(const ReportFiles& files) {
    Mistakes mistakes;
    mistakes.guard([&] { probe_file("--junit", files.junit); });
    mistakes.guard([&] { probe_file("--json", files.json); });
    mistakes.guard([&] {
        probe_file("--trace", files.trace);
        if (!files.trace.empty()) {
            check_trace_place(files.trace, {files.junit, files.json});
        }
    });
    mistakes.guard([&] { probe_keep(files.keep); });
    mistakes.tell();
}

void write_report_files(const ReportFiles& files, const std::vector<ScenarioReport>& reports) {
    Mistakes mistakes;
    if (!files.junit.empty()) {
        mistakes.guard([&] { write_file(files.junit, std::string_view(junit_xml(reports))); });
    }
    if (!files.json.empty()) {
        mistakes.guard([&] { write_json(files.json, reports); });
    }
    if (!files.trace.empty()) {
        mistakes.guard([&] { write_traces(files.trace, reports); });
    }
    mistakes.tell();
}

} // namespace cardrig::harness
