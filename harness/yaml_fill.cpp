// Names in braces, in the scalars of a YAML tree, replaced before anybody reads them.
#include "harness/braces.h"
#include "harness/yaml.h"
#include "harness/yaml_tree.h"

#include <functional>
#include <utility>

namespace cardrig::harness {

namespace {

using Change = std::function<void(YamlNode& scalar)>;

std::shared_ptr<YamlNode> changed_copy(const YamlNode& node, const Change& change) {
    auto copy = std::make_shared<YamlNode>(node);
    for (auto& item : copy->items) {
        item = changed_copy(*item, change);
    }
    for (YamlEntry& entry : copy->entries) {
        entry.value = changed_copy(*entry.value, change);
    }
    if (copy->kind == YamlNode::Kind::scalar) {
        change(*copy);
    }
    return copy;
}

bool mentioned(const YamlNode& node, const std::string& name) {
    bool found = holds_placeholder(node.text, name);
    for (const auto& item : node.items) {
        found = found || mentioned(*item, name);
    }
    for (const YamlEntry& entry : node.entries) {
        found = found || mentioned(*entry.value, name);
    }
    return found;
}

} // namespace

YamlValue YamlValue::filled(const std::map<std::string, YamlValue>& values) const {
    const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
        const auto value = values.find(name);
        return value == values.end() ? std::nullopt : std::optional(value->second.text());
    };
    return YamlValue(changed_copy(*node_, [&](YamlNode& scalar) {
        const bool whole = scalar.text.starts_with('{') && scalar.text.ends_with('}');
        const auto value = whole ? values.find(scalar.text.substr(1, scalar.text.size() - 2)) : values.end();
        if (value != values.end()) {
            scalar.quoting = value->second.node_->quoting;
        }
        scalar.text = fill_known(scalar.text, lookup);
    }));
}

bool YamlValue::mentions(const std::string& name) const {
    return mentioned(*node_, name);
}

} // namespace cardrig::harness
