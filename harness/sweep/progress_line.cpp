#include "harness/sweep/progress_line.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::chrono::milliseconds interval{200};
constexpr std::size_t default_columns = 100;

/// "1:12", "2:03:10"
std::string clock_text(std::chrono::seconds time) {
    const auto hours = std::chrono::duration_cast<std::chrono::hours>(time);
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(time - hours);
    const auto seconds = time - hours - minutes;
    return hours.count() > 0 ? fmt::format("{}:{:02}:{:02}", hours.count(), minutes.count(), seconds.count())
                             : fmt::format("{}:{:02}", minutes.count(), seconds.count());
}

} // namespace

std::string progress_text(const SweepProgress& progress, std::size_t columns) {
    std::string text = progress.doing;
    if (progress.planned > 0) {
        text += fmt::format(": {} of {} places", progress.done, progress.planned);
    }
    if (progress.findings > 0) {
        text += fmt::format(", {} violation{}", progress.findings, progress.findings == 1 ? "" : "s");
    }
    text += fmt::format(", {}", clock_text(std::chrono::duration_cast<std::chrono::seconds>(progress.took)));
    if (progress.left) {
        text += fmt::format(", about {} left", clock_text(*progress.left));
    }
    return text.substr(0, columns);
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(const SweepProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || (shown_ && now - last_ < interval)) {
        return;
    }
    last_ = now;
    shown_ = true;
    // The last column is left free: a terminal may go to the next line there.
    fmt::print(stderr, "\r{}\x1B[K", progress_text(progress, terminal_columns(STDERR_FILENO) - 1));
    std::fflush(stderr);
}

void ProgressLine::clear() {
    if (shown_) {
        fmt::print(stderr, "\r\x1B[K");
        std::fflush(stderr);
        shown_ = false;
    }
}

std::size_t terminal_columns(int descriptor) {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
        return size.ws_col;
    }
    const char* const said = std::getenv("COLUMNS");
    std::size_t columns = 0;
    if (said != nullptr) {
        const auto read = std::from_chars(said, said + std::strlen(said), columns);
        if (read.ec == std::errc{} && columns > 1 && columns <= 1000) {
            return columns;
        }
    }
    return default_columns;
}

} // namespace cardrig::harness
