// Whatever a client asks the authority: it answers or refuses, saying why, and grants nothing to whoever has
// no key.
//
// The input is a letter that says which request, and its body: JSON, or what stands in the body as base64.
#include "harness/authority/authority.h"
#include "harness/base64.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/property.h"

#include "emulator/inspection.h"
#include "emulator/object_store.h"
#include "emulator/openssl_support.h"
#include "emulator/piv/piv_memory.h"

#include <string>

#include <openssl/err.h>

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace openssl = cardrig::emulator::openssl;
using nlohmann::json;

namespace {

constexpr std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2030) / 5 / 1);

/// An authority and the agent's card, which is logged in; and a holder's, whose renewal has begun.
struct Office {
    Office()
        : authority({7, {}, [] { return now; }}), agent(enrolled("agent", "700000000002", {"agent"})),
          holder(enrolled("holder", "700000000001", {"staff"})),
          voucher(certificate(holder, emulator::piv::signature_key)), session(log_in()),
          renewal(authority.renewal(session, {{"device", guid(holder)}}).value()["renewal"]) {
        (void)authority.unlock_code(guid(holder));
    }

    [[nodiscard]] static std::string guid(const harness::MadeCard& card) { return apdu::to_hex(card.guid); }

    [[nodiscard]] harness::MadeCard enrolled(const std::string& label, const std::string& number,
                                             const std::vector<std::string>& roles) {
        harness::MakeOptions options;
        options.overrides = {{"certificates.9A.algorithm", "p-256"},
                             {"certificates.9C.algorithm", "p-256"},
                             {"holder.number", number}};
        options.now = now;
        options.identity = label;
        options.issuer = &authority;
        harness::MadeCard card = harness::make_card("piv-staff", options);
        authority.enrol(card, label, roles);
        return card;
    }

    [[nodiscard]] static std::string certificate(const harness::MadeCard& card, std::uint8_t key) {
        return harness::to_base64(emulator::inspect(card.image).value().slot(key)->certificate->der);
    }

    [[nodiscard]] std::string log_in() {
        emulator::CryptoContext context(1);
        emulator::MemoryNvm memory(agent.image.config.geometry, agent.image.memory, agent.image.weak);
        const auto store = emulator::ObjectStore::mount(memory);
        const auto bytes = (*store)->read(emulator::piv::key_object(emulator::piv::authentication_key));
        const auto key =
            emulator::PrivateKey::from_der(context, emulator::piv::StoredKey::decode(*bytes).value().pkcs8);
        const std::string challenge = authority.login_challenge().value()["challenge"];
        const auto digest = emulator::sha256(harness::from_base64(challenge).value());
        return authority
            .login({{"challenge", challenge},
                    {"certificate", certificate(agent, emulator::piv::authentication_key)},
                    {"signature", harness::to_base64(key.value().ecdsa_sign(digest).value())},
                    {"role", "agent"}})
            .value()["session"];
    }

    harness::Authority authority;
    harness::MadeCard agent;
    harness::MadeCard holder;
    std::string voucher; ///< the certificate of the holder's 9C
    std::string session;
    std::string renewal;
};

Office& office() {
    static Office only;
    return only;
}

template <class T>
bool granted(const harness::Granted<T>& answer) {
    if (!answer) {
        const harness::Refusal& refusal = answer.error();
        fuzz::require(refusal.status >= 400 && !refusal.code.empty() && !refusal.message.empty(),
                      "a refusal says why");
        (void)json{{"error", refusal.code}, {"message", refusal.message}}
            .dump(); // throws on what is not UTF-8
    }
    return answer.has_value();
}

/// Two bytes of length, then so many.
apdu::ByteView take_part(apdu::ByteView& bytes) {
    const std::size_t high = fuzz::take_byte(bytes);
    const std::size_t low = fuzz::take_byte(bytes);
    return fuzz::take(bytes, high << 8U | low);
}

void ask_in_json(std::uint8_t which, apdu::ByteView input) {
    harness::Authority& authority = office().authority;
    const json body = json::parse(fuzz::text(input), nullptr, false);
    switch (which) {
    case 'l':
        fuzz::require(!granted(authority.login(body)), "nobody logs in without a challenge");
        break;
    case 'd':
        (void)granted(authority.directory(office().session, body));
        break;
    case 'r':
        (void)granted(authority.renewal(office().session, body));
        break;
    case 'c':
        fuzz::require(!granted(authority.certificate(office().session, office().renewal, body)),
                      "nothing is certified without a voucher");
        break;
    case 'k':
        (void)granted(authority.management_key_answer(office().session, body));
        break;
    case 'u':
        fuzz::require(!granted(authority.unlock(body)), "nothing is unlocked without its code");
        break;
    case 'v':
        fuzz::require(!granted(authority.unlock_done(body)), "what was not unlocked is not done");
        break;
    default:
        break;
    }
}

void ask_in_der(std::uint8_t which, apdu::ByteView input) {
    harness::Authority& authority = office().authority;
    const apdu::ByteView first = which == 'E' ? apdu::ByteView() : take_part(input);
    switch (which) {
    case 'E':
        (void)granted(authority.simple_enroll(input));
        break;
    case 'F':
        (void)granted(authority.simple_reenroll(first, input));
        break;
    case 'L':
        fuzz::require(
            !granted(authority.login({{"challenge", authority.login_challenge().value()["challenge"]},
                                      {"certificate", harness::to_base64(first)},
                                      {"signature", harness::to_base64(input)}})),
            "nobody logs in without the key");
        break;
    case 'C':
        fuzz::require(!granted(authority.certificate(
                          office().session, office().renewal,
                          {{"key", "9A"},
                           {"request", harness::to_base64(first)},
                           {"voucher",
                            {{"certificate", office().voucher}, {"signature", harness::to_base64(input)}}}})),
                      "nothing is certified without the other key");
        break;
    default:
        break;
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    apdu::ByteView input(data, size);
    const std::uint8_t which = fuzz::take_byte(input);
    ask_in_json(which, input);
    ask_in_der(which, input);
    fuzz::require(ERR_peek_error() == 0, "no error is left behind for whoever looks next");
    return 0;
}
