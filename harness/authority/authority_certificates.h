// The authority's certificates: root, issuing CA and server, and all that it ever issued.
#pragma once

#include "emulator/environment.h"
#include "harness/authority/authority.h"
#include "harness/authority/authority_x509.h"

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace cardrig::harness {

struct IssueRequest {
    Holder holder;
    const EVP_PKEY* public_key = nullptr;
    CertificateUse use = CertificateUse::authentication;
    std::string guid;
    std::string key;
    std::string renewal;
    std::chrono::sys_seconds now;
    std::chrono::seconds lifetime{};
    Misissue misissue = Misissue::none;
};

/// One certificate that it issued, and what went wrong with it.
struct Issued {
    IssueRecord record;
    Misissue misissue = Misissue::none;
    emulator::Bytes asked_key; ///< SubjectPublicKeyInfo of the request
    emulator::CertificateFacts facts;

    /// Of the device that it was issued for: for its holder and its key.
    [[nodiscard]] bool belongs() const {
        return misissue != Misissue::wrong_key && misissue != Misissue::wrong_holder;
    }
};

class CertificateBook final {
public:
    explicit CertificateBook(emulator::CryptoContext& context);

    [[nodiscard]] const TestAuthority& root() const { return root_; }
    [[nodiscard]] const TestAuthority& issuing() const { return issuing_; }
    [[nodiscard]] std::string server_chain_pem() const;
    [[nodiscard]] std::string server_key_pem() const;

    /// As the issuer of cards.
    [[nodiscard]] emulator::Bytes certify(const CertificateOrder& order, std::chrono::sys_seconds now);
    const Issued& issue(const IssueRequest& request);
    /// That certificate is on this card: whose it was was not known when it was issued.
    void assign(emulator::ByteView certificate, const std::string& guid, const std::string& key);
    [[nodiscard]] const Issued* find(emulator::ByteView certificate) const;
    /// Whether the answer with it arrived.
    void set_delivered(emulator::ByteView certificate, bool delivered);

    [[nodiscard]] const std::deque<Issued>& all() const { return issued_; }
    /// All that it issued; its own keys are not part of it.
    struct Kept {
        std::deque<Issued> issued;
        std::uint64_t lists = 0;
    };
    [[nodiscard]] Kept kept() const { return {issued_, lists_}; }
    void restore(const Kept& kept);
    [[nodiscard]] emulator::Bytes revocation_list(const std::vector<Revocation>& revoked,
                                                  std::chrono::sys_seconds now);

private:
    const Issued& keep(Issued issued);
    [[nodiscard]] Issued* entry(emulator::ByteView certificate);
    [[nodiscard]] CertificateOrder order_for(const IssueRequest& request) const;

    emulator::CryptoContext& context_;
    emulator::FreshKeys keys_;
    TestAuthority root_;
    TestAuthority issuing_;
    emulator::PrivateKey server_key_;
    emulator::Bytes server_certificate_;
    std::deque<Issued> issued_;
    std::map<std::string, Issued*> by_digest_; ///< SHA-256 of the DER
    std::uint64_t lists_ = 0;
};

} // namespace cardrig::harness
