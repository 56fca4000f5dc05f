#include "tests/harness/authority_stage.h"

#include "emulator/environment.h"
#include "emulator/inspection.h"
#include "emulator/openssl_support.h"
#include "harness/base64.h"
#include "tests/harness/test_card.h"

#include <utility>

#include <fmt/format.h>

namespace cardrig::test {

namespace {

namespace openssl = emulator::openssl;
using apdu::Bytes;
using apdu::ByteView;
using openssl::require;

harness::AuthorityOptions options_for(std::optional<std::uint64_t> seed, harness::AuthorityRules rules,
                                      const std::chrono::sys_seconds& clock) {
    return {seed, rules, [&clock] { return clock; }};
}

void free_extensions(STACK_OF(X509_EXTENSION) * extensions) {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

void ask_for_usage(X509_REQ* request, const std::string& usage) {
    const openssl::Owned<STACK_OF(X509_EXTENSION), free_extensions> extensions(sk_X509_EXTENSION_new_null());
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_key_usage, usage.c_str());
    require(extension != nullptr && sk_X509_EXTENSION_push(extensions.get(), extension) > 0 &&
                X509_REQ_add_extensions(request, extensions.get()) == 1,
            "asking for a key usage");
}

void read_keys(const emulator::CardImage& image, emulator::CryptoContext& context, HeldCard& card) {
    emulator::MemoryNvm memory(image.config.geometry, image.memory, image.weak);
    const auto store = emulator::ObjectStore::mount(memory);
    const auto state = emulator::inspect(image);
    for (const emulator::SlotState& slot : state.value().slots) {
        const std::string key = fmt::format("{:02X}", slot.reference);
        if (const auto bytes = (*store)->read(emulator::piv::key_object(slot.reference))) {
            const auto stored = emulator::piv::StoredKey::decode(*bytes);
            card.keys.emplace(key, emulator::PrivateKey::from_der(context, stored.value().pkcs8).value());
        }
        if (slot.certificate) {
            card.certificates[key] = slot.certificate->der;
        }
    }
}

} // namespace

AuthorityStage::AuthorityStage(std::optional<std::uint64_t> seed, harness::AuthorityRules rules)
    : clock(std::chrono::sys_days(std::chrono::year(2030) / 5 / 1) + std::chrono::hours(12)), context(99),
      authority(options_for(seed, rules, clock)) {}

HeldCard AuthorityStage::make(const std::string& identity, const harness::ProfileOverrides& overrides) {
    harness::MakeOptions options;
    options.overrides = overrides;
    options.overrides.try_emplace("certificates.9A.algorithm", "p-256");
    options.overrides.try_emplace("certificates.9C.algorithm", "p-256");
    options.now = clock;
    options.identity = identity;
    options.issuer = &authority;
    HeldCard card{harness::make_card("piv-staff", options), {}, {}, {}};
    card.guid = apdu::to_hex(card.made.guid);
    read_keys(card.made.image, context, card);
    return card;
}

HeldCard AuthorityStage::enrolled(const std::string& identity, const harness::ProfileOverrides& overrides,
                                  const std::vector<std::string>& roles) {
    HeldCard card = make(identity, overrides);
    authority.enrol(card.made, identity, roles);
    return card;
}

emulator::PrivateKey AuthorityStage::fresh_key(emulator::Algorithm algorithm) {
    return emulator::FreshKeys().generate(context, algorithm);
}

Bytes AuthorityStage::sign(const emulator::PrivateKey& key, ByteView bytes) {
    const openssl::DigestContext signing(EVP_MD_CTX_new());
    std::size_t size = 0;
    require(EVP_DigestSignInit_ex(signing.get(), nullptr, "SHA256", key.context().native(), nullptr,
                                  key.native(), nullptr) == 1 &&
                EVP_DigestSign(signing.get(), nullptr, &size, bytes.data(), bytes.size()) == 1,
            "preparing to sign");
    Bytes signature(size);
    require(EVP_DigestSign(signing.get(), signature.data(), &size, bytes.data(), bytes.size()) == 1,
            "signing");
    signature.resize(size);
    return signature;
}

Bytes AuthorityStage::request(const emulator::PrivateKey& key, const harness::Holder& holder,
                              const std::string& usage) {
    const openssl::Owned<X509_REQ, X509_REQ_free> request(X509_REQ_new_ex(context.native(), nullptr));
    const openssl::Name subject = harness::holder_name(holder.name, holder.number);
    require(X509_REQ_set_subject_name(request.get(), subject.get()) == 1 &&
                X509_REQ_set_pubkey(request.get(), key.native()) == 1,
            "filling a request");
    if (!usage.empty()) {
        ask_for_usage(request.get(), usage);
    }
    const openssl::DigestContext signing(EVP_MD_CTX_new());
    require(EVP_DigestSignInit_ex(signing.get(), nullptr, "SHA256", context.native(), nullptr, key.native(),
                                  nullptr) == 1 &&
                X509_REQ_sign_ctx(request.get(), signing.get()) > 0,
            "signing a request");
    return openssl::to_der(i2d_X509_REQ, request.get(), "encoding a request");
}

nlohmann::json AuthorityStage::login_body(const HeldCard& card, const std::string& key) {
    const nlohmann::json challenge = authority.login_challenge().value()["challenge"];
    return {{"challenge", challenge},
            {"certificate", harness::to_base64(card.certificates.at(key))},
            {"signature", harness::to_base64(sign(card.keys.at(key), decoded(challenge)))}};
}

std::string AuthorityStage::session(const HeldCard& card, const std::string& role, const std::string& key) {
    nlohmann::json body = login_body(card, key);
    body["role"] = role;
    return authority.login(body).value()["session"].get<std::string>();
}

nlohmann::json AuthorityStage::certificate_body(const HeldCard& card, const std::string& key,
                                                const emulator::PrivateKey& fresh) {
    const Bytes der = request(fresh, card.made.holder);
    const std::string other = key == "9A" ? "9C" : "9A";
    return {{"key", key},
            {"request", harness::to_base64(der)},
            {"voucher",
             {{"certificate", harness::to_base64(card.certificates.at(other))},
              {"signature", harness::to_base64(sign(card.keys.at(other), der))}}}};
}

void AuthorityStage::renew(HeldCard& card, const std::string& session, const std::string& renewal,
                           const std::string& key) {
    const emulator::PrivateKey fresh = fresh_key(card.keys.at(key).algorithm());
    const auto answer = authority.certificate(session, renewal, certificate_body(card, key, fresh));
    card.certificates[key] = decoded(answer.value()["certificate"]);
    card.keys.insert_or_assign(key, fresh);
}

Bytes decoded(const nlohmann::json& base64) {
    return harness::from_base64(base64.get<std::string>()).value();
}

} // namespace cardrig::test
