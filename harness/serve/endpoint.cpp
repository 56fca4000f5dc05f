#include "harness/serve/endpoint.h"

#include "harness/errors.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr unsigned long last_port = 0xFFFF;

[[noreturn]] void refuse(std::string_view text, std::string_view option, std::string_view what) {
    throw RequestError(fmt::format("{} {}: {}; it wants HOST:PORT, as in 127.0.0.1:{} or [::1]:{}", option,
                                   text, what, vpcd_usual_port, vpcd_usual_port));
}

bool is_number(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::uint16_t parse_port(std::string_view port, std::string_view text, std::string_view option) {
    unsigned long number = 0;
    const auto end = std::from_chars(port.data(), port.data() + port.size(), number);
    if (!is_number(port) || end.ec != std::errc() || number == 0 || number > last_port) {
        refuse(text, option, fmt::format("'{}' is no port from 1 to {}", port, last_port));
    }
    return static_cast<std::uint16_t>(number);
}

} // namespace

Endpoint Endpoint::parse(std::string_view text, std::string_view option) {
    Endpoint endpoint;
    if (is_number(text)) {
        endpoint.port = parse_port(text, text, option);
        return endpoint;
    }
    std::string_view host = text;
    std::string_view port;
    bool has_port = false;
    // RFC 3986, 3.2.2: an IPv6 address before a port stands in brackets; more than one colon is such an
    // address.
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos || (close + 1 < text.size() && text[close + 1] != ':')) {
            refuse(text, option, "the brackets do not fit");
        }
        host = text.substr(1, close - 1);
        has_port = close + 1 < text.size();
        port = has_port ? text.substr(close + 2) : port;
    } else if (std::ranges::count(text, ':') == 1) {
        const std::size_t colon = text.find(':');
        host = text.substr(0, colon);
        has_port = true;
        port = text.substr(colon + 1);
    }
    if (host.empty()) {
        refuse(text, option, "there is no host");
    }
    if (host.find_first_of(" \t\n[]/") != std::string_view::npos || host.find('\0') != host.npos) {
        refuse(text, option, fmt::format("'{}' is no host", host));
    }
    endpoint.host = host;
    if (has_port) {
        endpoint.port = parse_port(port, text, option);
    }
    return endpoint;
}

Endpoint Endpoint::of_slot(std::size_t slot) const {
    if (port + slot > last_port) {
        throw RequestError(fmt::format("{}: slot {} would have port {}, and there is none beyond {}", text(),
                                       slot, port + slot, last_port));
    }
    return {host, static_cast<std::uint16_t>(port + slot)};
}

std::string Endpoint::text() const {
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                               : fmt::format("[{}]:{}", host, port);
}

} // namespace cardrig::harness
