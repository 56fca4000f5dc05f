#include "harness/junit.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pugixml.hpp>

namespace cardrig::harness {

namespace {

/// Bytes of the UTF-8 sequence at the front, or 0 where there is none (RFC 3629, 4).
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xC2 && first < 0xE0 ? 2
                               : first >= 0xE0 && first < 0xF0 ? 3
                               : first >= 0xF0 && first < 0xF5 ? 4
                                                               : 0;
    if (length == 0 || length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) {
            return 0;
        }
    }
    const unsigned char second = length > 1 ? byte(1) : 0;
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool outside = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
    return overlong || outside ? 0 : length;
}

/// XML 1.0, 2.2: of the control characters only tab, line feed and carriage return; not U+FFFE and U+FFFF.
bool allowed(std::string_view character) {
    if (character.size() == 1) {
        const auto c = static_cast<unsigned char>(character[0]);
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    }
    return character != "\xEF\xBF\xBE" && character != "\xEF\xBF\xBF";
}

void add_property(pugi::xml_node& properties, const char* name, const std::string& value) {
    pugi::xml_node property = properties.append_child("property");
    property.append_attribute("name") = name;
    property.append_attribute("value") = xml_text(value).c_str();
}

void add_case(pugi::xml_node& suite, const ScenarioReport& report) {
    pugi::xml_node test = suite.append_child("testcase");
    test.append_attribute("classname") = xml_text(report.file).c_str();
    test.append_attribute("name") = xml_text(report.title).c_str();
    test.append_attribute("time") = fmt::format("{:.3f}", report.seconds).c_str();
    pugi::xml_node properties = test.append_child("properties");
    add_property(properties, "reader", report.reader);
    for (const std::string& notice : report.notices) {
        add_property(properties, "notice", notice);
    }
    if (report.verdict == Verdict::not_applicable) {
        test.append_child("skipped").append_attribute("message") = xml_text(report.message).c_str();
    } else if (report.verdict != Verdict::passed) {
        pugi::xml_node node = test.append_child(report.verdict == Verdict::failed ? "failure" : "error");
        const std::string message =
            report.shortfalls.empty()
                ? report.message
                : fmt::format("{}: expected {}, there {}", report.shortfalls[0].what,
                              report.shortfalls[0].expected, report.shortfalls[0].there);
        node.append_attribute("message") = xml_text(message).c_str();
        node.append_attribute("type") = std::string(word(report.verdict)).c_str();
        node.append_child(pugi::node_pcdata).set_value(xml_text(report.text()).c_str());
    }
    if (!report.last_output.empty()) {
        const std::string output = fmt::format("{}", fmt::join(report.last_output, "\n"));
        test.append_child("system-out").append_child(pugi::node_pcdata).set_value(xml_text(output).c_str());
    }
}

} // namespace

std::string xml_text(const std::string& text) {
    std::string clean;
    for (std::string_view rest = text; !rest.empty();) {
        const std::size_t length = sequence_length(rest);
        const std::string_view character = rest.substr(0, std::max<std::size_t>(length, 1));
        clean += length != 0 && allowed(character) ? character : std::string_view("?");
        rest.remove_prefix(character.size());
    }
    return clean;
}

std::string junit_xml(const std::vector<ScenarioReport>& reports) {
    pugi::xml_document document;
    pugi::xml_node declaration = document.append_child(pugi::node_declaration);
    declaration.append_attribute("version") = "1.0";
    declaration.append_attribute("encoding") = "UTF-8";
    pugi::xml_node suites = document.append_child("testsuites");
    pugi::xml_node suite = suites.append_child("testsuite");
    double seconds = 0;
    for (const ScenarioReport& report : reports) {
        seconds += report.seconds;
    }
    const auto failures = std::ranges::count(reports, Verdict::failed, &ScenarioReport::verdict);
    const auto passes = std::ranges::count(reports, Verdict::passed, &ScenarioReport::verdict);
    const auto skipped = std::ranges::count(reports, Verdict::not_applicable, &ScenarioReport::verdict);
    suite.append_attribute("name") = "cardrig";
    suite.append_attribute("tests") = reports.size();
    suite.append_attribute("failures") = failures;
    suite.append_attribute("errors") =
        static_cast<std::ptrdiff_t>(reports.size()) - failures - passes - skipped;
    suite.append_attribute("skipped") = skipped;
    suite.append_attribute("time") = fmt::format("{:.3f}", seconds).c_str();
    for (const ScenarioReport& report : reports) {
        add_case(suite, report);
    }
    std::ostringstream out;
    document.save(out, "  ", pugi::format_indent, pugi::encoding_utf8);
    return out.str();
}

} // namespace cardrig::harness
