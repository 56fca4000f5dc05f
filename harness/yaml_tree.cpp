#include "harness/yaml_tree.h"

#include "harness/errors.h"

#include <algorithm>
#include <istream>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t deepest = 32;
constexpr std::size_t longest_file = 1U << 20U;

/// Bytes of the UTF-8 sequence that `text` begins with; none for what UTF-8 forbids (RFC 3629, 3: overlong
/// forms, surrogates, beyond 10FFFF).
std::optional<std::size_t> utf8_sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF && tail(1)) {
        return 2;
    }
    if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2)) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) > 0x9F;
        return overlong || surrogate ? std::nullopt : std::optional<std::size_t>(3);
    }
    if (first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3)) {
        const bool overlong = first == 0xF0 && byte(1) < 0x90;
        const bool too_big = first == 0xF4 && byte(1) > 0x8F;
        return overlong || too_big ? std::nullopt : std::optional<std::size_t>(4);
    }
    return std::nullopt;
}

/// Builds the tree from the parser's events, which still tell anchors, tags and quoting.
class TreeBuilder final : public YAML::EventHandler {
public:
    TreeBuilder(std::string_view text, std::shared_ptr<const std::string> source)
        : text_(text), source_(std::move(source)) {}

    [[nodiscard]] std::shared_ptr<YamlNode> root() const { return root_; }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse_properties(mark, "", anchor);
        if (awaits_key()) {
            place(mark).refuse("a key is missing before ':'");
        }
        add(mark, YamlNode::Kind::nothing);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        place(mark).refuse("aliases (*) are not allowed; write the value out");
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        // A quoted scalar comes with the tag "!", and so does one that has this very tag before it.
        const bool quoted = tag == "!" && !has_tag(mark);
        refuse_properties(mark, quoted ? "" : tag, anchor);
        if (awaits_key()) {
            take_key(mark, value, quoted);
            return;
        }
        YamlNode& node = add(mark, YamlNode::Kind::scalar);
        node.text = value;
        node.quoting = quoted ? YamlNode::Quoting::quoted : YamlNode::Quoting::plain;
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::sequence);
    }
    void OnSequenceEnd() override { open_.pop_back(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::mapping);
    }
    void OnMapEnd() override { open_.pop_back(); }

private:
    [[nodiscard]] YamlPlace place(const YAML::Mark& mark) const {
        return {source_, static_cast<std::size_t>(std::max(mark.line, 0)) + 1,
                static_cast<std::size_t>(std::max(mark.column, 0)) + 1};
    }

    [[nodiscard]] bool has_tag(const YAML::Mark& mark) const {
        return mark.pos >= 0 && static_cast<std::size_t>(mark.pos) < text_.size() &&
               text_[static_cast<std::size_t>(mark.pos)] == '!';
    }

    void refuse_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
        if (anchor != YAML::NullAnchor) {
            place(mark).refuse("anchors (&) are not allowed; write the value out where it is needed");
        }
        if (!tag.empty() && tag != "?") {
            place(mark).refuse(fmt::format("the tag '{}' is not allowed; leave tags out", tag));
        }
    }

    /// A mapping's last entry has a key and waits for its value, or it has both.
    [[nodiscard]] bool awaits_key() const {
        return !open_.empty() && open_.back()->kind == YamlNode::Kind::mapping &&
               (open_.back()->entries.empty() || open_.back()->entries.back().value != nullptr);
    }

    void take_key(const YAML::Mark& mark, const std::string& key, bool quoted) {
        YamlNode& mapping = *open_.back();
        if (key == "<<" && !quoted) {
            place(mark).refuse("merge keys (<<) are not allowed; write the values out");
        }
        if (const YamlEntry* earlier = mapping.find(key)) {
            place(mark).refuse(
                fmt::format("the key '{}' is here twice; the first is in line {}", key, earlier->place.line));
        }
        mapping.entries.push_back({key, place(mark), nullptr});
    }

    YamlNode& add(const YAML::Mark& mark, YamlNode::Kind kind) {
        auto node = std::make_shared<YamlNode>();
        node->kind = kind;
        node->place = place(mark);
        if (open_.empty()) {
            root_ = node;
        } else if (open_.back()->kind == YamlNode::Kind::mapping) {
            open_.back()->entries.back().value = node;
        } else {
            open_.back()->items.push_back(node);
        }
        return *node;
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
        refuse_properties(mark, tag, anchor);
        if (awaits_key()) {
            place(mark).refuse("a key must be a word, not a list or a mapping");
        }
        if (open_.size() >= deepest) {
            place(mark).refuse(fmt::format("nested more than {} deep", deepest));
        }
        open_.push_back(&add(mark, kind));
    }

    std::string_view text_;
    std::shared_ptr<const std::string> source_;
    std::shared_ptr<YamlNode> root_;
    std::vector<YamlNode*> open_;
};

/// Notes where another document begins.
class SecondDocument final : public YAML::EventHandler {
public:
    explicit SecondDocument(std::shared_ptr<const std::string> source) : source_(std::move(source)) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        YamlPlace{source_, static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1}
            .refuse("a second document begins here; a file holds one");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {}
    void OnSequenceEnd() override {}
    void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {}
    void OnMapEnd() override {}

private:
    std::shared_ptr<const std::string> source_;
};

std::string reason(const std::string& message) {
    const bool open_quote =
        message == YAML::ErrorMsg::DOC_IN_SCALAR || message == YAML::ErrorMsg::EOF_IN_SCALAR;
    return open_quote ? "a closing quote is missing" : message;
}

} // namespace

void refuse_bad_bytes(std::string_view text, const std::shared_ptr<const std::string>& source) {
    YamlPlace place{source, 1, 1};
    if (text.size() > longest_file) {
        place.refuse(
            fmt::format("the file has {} bytes; more than {} are not read", text.size(), longest_file));
    }
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] == '\0') {
            place.refuse("a NUL byte; this is not text");
        }
        const auto length = utf8_sequence(text.substr(i));
        if (!length) {
            place.refuse(fmt::format("byte {:02X} is not UTF-8; save the file as UTF-8",
                                     static_cast<unsigned char>(text[i])));
        }
        i += *length;
        const bool newline = text[i - *length] == '\n';
        place.line += newline ? 1 : 0;
        place.column = newline ? 1 : place.column + *length;
    }
}

std::string YamlPlace::text() const {
    return line == 0 ? *source : fmt::format("{}:{}:{}", *source, line, column);
}

void YamlPlace::refuse(const std::string& message) const {
    throw RequestError(fmt::format("{}: {}", text(), message));
}

const YamlEntry* YamlNode::find(std::string_view key) const {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const YamlEntry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

std::shared_ptr<YamlNode> parse_yaml_tree(std::string_view text,
                                          const std::shared_ptr<const std::string>& source) {
    refuse_bad_bytes(text, source);
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3); // the byte order mark of some editors
    }
    // yaml-cpp takes the end of the file for a closing quote. Behind the end of a document it does not.
    std::istringstream stream(fmt::format("{}{}...\n", text, text.ends_with('\n') ? "" : "\n"));
    try {
        YAML::Parser parser(stream);
        TreeBuilder builder(text, source);
        const bool found = parser.HandleNextDocument(builder);
        if (!found || builder.root() == nullptr || builder.root()->kind == YamlNode::Kind::nothing) {
            YamlPlace{source, 1, 1}.refuse("the document is empty");
        }
        SecondDocument second(source);
        static_cast<void>(parser.HandleNextDocument(second));
        return builder.root();
    } catch (const YAML::Exception& error) {
        const bool placed = !error.mark.is_null();
        YamlPlace{source, placed ? static_cast<std::size_t>(error.mark.line) + 1 : 1,
                  placed ? static_cast<std::size_t>(error.mark.column) + 1 : 1}
            .refuse(fmt::format("not YAML: {}", reason(error.msg)));
    }
}

} // namespace cardrig::harness
