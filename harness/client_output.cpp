#include "harness/client_output.h"

#include <algorithm>
#include <utility>

namespace cardrig::harness {

namespace {

constexpr std::size_t most_text = 4U << 20U;
constexpr std::size_t most_lines = 20;
/// Shorter ones ("y", "1") are no secrets, and would tear holes into every line.
constexpr std::size_t shortest_secret = 4;

} // namespace

std::string without_secrets(std::string text, std::vector<std::string> secrets) {
    // The longest first: one may be part of another, and what it left of that would be shown.
    std::ranges::sort(secrets, std::ranges::greater{}, &std::string::size);
    for (const std::string& secret : secrets) {
        if (secret.size() < shortest_secret) {
            continue;
        }
        for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 2) {
            text.replace(at, secret.size(), "..");
        }
    }
    return text;
}

ClientOutput::ClientOutput(Trace& trace, std::vector<std::string> secrets)
    : trace_(trace), secrets_(std::move(secrets)) {}

void ClientOutput::add(std::string_view chunk) {
    const std::scoped_lock lock(mutex_);
    const std::string_view kept = chunk.substr(0, most_text - text_.size());
    text_ += kept;
    cut_ = cut_ || kept.size() < chunk.size();
    partial_ += chunk;
    std::size_t end = 0;
    while ((end = partial_.find('\n')) != std::string::npos) {
        if (end > 0 || !paused_) { // else it is the end of a line that was shown
            line(partial_.substr(0, end));
        }
        paused_ = false;
        partial_.erase(0, end + 1);
    }
    if (partial_.size() > most_text) {
        line(std::exchange(partial_, {}));
    }
}

void ClientOutput::show_partial() {
    if (!partial_.empty()) {
        line(std::exchange(partial_, {}));
        paused_ = true;
    }
}

void ClientOutput::pause() {
    const std::scoped_lock lock(mutex_);
    show_partial();
}

void ClientOutput::finish() {
    const std::scoped_lock lock(mutex_);
    show_partial();
}

void ClientOutput::line(const std::string& text) {
    const std::string shown = trace_.show_secrets() ? text : without_secrets(text, secrets_);
    trace_.add("client", -1, {{"line", shown}});
    last_.push_back(shown);
    if (last_.size() > most_lines) {
        last_.pop_front();
    }
}

} // namespace cardrig::harness
