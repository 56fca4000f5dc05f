// Clients that scenarios know by name: what is run for each task, and what they say.
// scenarios/clients/README.md has the language of the files that describe them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

struct ClientDescription {
    std::string name;   ///< the file's, without .yaml
    std::string file;   ///< as messages call it
    std::string folder; ///< absolute: the file's; {folder} in its words
    std::map<std::string, std::vector<std::string>>
        commands; ///< by task, with placeholders; what is not here it cannot do
    std::map<std::string, std::string> environment; ///< with placeholders
    std::set<std::string> can;                      ///< what scenarios may need
    std::map<std::string, std::string> words;       ///< by meaning: the expression that matches it
};

/// Meanings that a description can have words for: success, pending, writing, done, notice, not-due, updates,
/// no-updates, expired, locked, wrong-passcode, card-problem, wrong-card, too-many-cards, no-card,
/// logged-out, logged-in, admin-key, cannot, with-errors, contact, unlocked, passcode-changed, mismatch,
/// bad-passcode, wrong-code, late-code, cancelled, finishing, no-role, bad-certificate, authority-problem.
[[nodiscard]] const std::vector<std::string>& client_meanings();
/// What a client may be able to: authority (speaks with it over HTTPS), management-key-service (needs no
/// management key of its own), terminal (asks on one), two-readers, check-certificates (before writing them),
/// finish (a half-done renewal), test-login (log in again with the card put in again, in the same run),
/// retry-authority (asks again when an answer was lost, or it is to come back later), notice, move-keys
/// (renews in slots for retired keys with the argument `--way retired-slots`).
[[nodiscard]] const std::vector<std::string>& client_abilities();

/// Whether `--client` means a description's file by this: it ends with .yaml or .yml.
[[nodiscard]] bool is_description_file(std::string_view name);

/// The names that a library's folder `clients` has descriptions for, sorted.
[[nodiscard]] std::vector<std::string> described_clients(const std::string& library);

/// Throws RequestError with file:line:column and the offending word.
[[nodiscard]] ClientDescription parse_client_description(std::string_view text, const std::string& file);
/// `name`: of a file NAME.yaml in the library's folder `clients`, or the path of a .yaml file. Throws
/// RequestError, with the nearest name.
[[nodiscard]] ClientDescription load_client_description(const std::string& library, const std::string& name);

} // namespace cardrig::harness
