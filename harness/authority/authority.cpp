#include "harness/authority/authority.h"

#include "harness/authority/authority_core.h"
#include "harness/authority/authority_refusal.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

using emulator::Bytes;
using emulator::ByteView;

struct AuthorityState::Kept {
    const void* whose = nullptr;
    AuthorityCore::Kept core;
};

struct Authority::Parts {
    explicit Parts(AuthorityOptions options) : core(std::move(options)) {}

    /// One thread at a time, which leaves nothing of its own behind in the context.
    template <class Work>
    auto alone(Work work) {
        const std::lock_guard lock(mutex);
        struct Leave {
            emulator::CryptoContext& context;
            ~Leave() { context.end_operation(); }
        };
        const Leave leave{core.context()};
        return work(core);
    }

    /// The same for what a client asked for.
    template <class Work>
    auto granted(Work work) -> Granted<decltype(work(std::declval<AuthorityCore&>()))> {
        return alone([&](AuthorityCore& all) -> Granted<decltype(work(all))> {
            try {
                return work(all);
            } catch (Refused& refused) {
                return tl::make_unexpected(std::move(refused.refusal));
            }
        });
    }

    /// And for what the harness asked for, which knows its cards.
    template <class Work>
    auto certain(Work work) {
        return alone([&](AuthorityCore& all) {
            try {
                return work(all);
            } catch (const Refused& refused) {
                throw std::invalid_argument(refused.refusal.message);
            }
        });
    }

    std::mutex mutex;
    AuthorityCore core;
};

Authority::Authority(AuthorityOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {}

Authority::~Authority() = default;

Bytes Authority::certify(const CertificateOrder& order) {
    return parts_->alone([&](AuthorityCore& core) { return core.book().certify(order, core.now()); });
}

Bytes Authority::management_key(ByteView guid, emulator::Algorithm algorithm) {
    return parts_->alone([&](AuthorityCore& core) { return core.secrets().management_key(guid, algorithm); });
}

std::string Authority::unblocking_code(ByteView guid) {
    return parts_->alone([&](AuthorityCore& core) { return core.unblocking_code(guid); });
}

std::string Authority::certificate_pem() const {
    return parts_->alone([](AuthorityCore& core) { return core.book().issuing().certificate_pem(); });
}

std::string Authority::key_pem() const {
    return parts_->alone([](AuthorityCore& core) { return core.book().issuing().key_pem(); });
}

std::string Authority::root_pem() const {
    return parts_->alone([](AuthorityCore& core) { return core.book().root().certificate_pem(); });
}

std::string Authority::server_chain_pem() {
    return parts_->alone([](AuthorityCore& core) { return core.book().server_chain_pem(); });
}

std::string Authority::server_key_pem() {
    return parts_->alone([](AuthorityCore& core) { return core.book().server_key_pem(); });
}

void Authority::enrol(const MadeCard& card, const std::string& label, const std::vector<std::string>& roles) {
    parts_->alone([&](AuthorityCore& core) { core.enrol(card, label, roles); });
}

void Authority::revoke(std::string_view guid) {
    parts_->certain([&](AuthorityCore& core) { core.revoke(guid); });
}

std::string Authority::unlock_code(std::string_view guid, std::chrono::seconds age) {
    return parts_->certain([&](AuthorityCore& core) { return core.unlock_code(guid, age); });
}

Bytes Authority::revocations() {
    return parts_->alone([](AuthorityCore& core) { return core.revocations(); });
}

std::vector<IssueRecord> Authority::issued() const {
    return parts_->alone([](AuthorityCore& core) {
        std::vector<IssueRecord> records;
        for (const Issued& issued : core.book().all()) {
            records.push_back(issued.record);
        }
        return records;
    });
}

std::vector<DeviceRecord> Authority::devices() const {
    return parts_->alone([](AuthorityCore& core) {
        std::vector<DeviceRecord> records;
        for (const Device* const device : core.directory().devices()) {
            records.push_back({device->guid, device->label, device->holder.number, device->revoked});
        }
        return records;
    });
}

Granted<nlohmann::json> Authority::login_challenge() {
    return parts_->granted([](AuthorityCore& core) { return core.login_challenge(); });
}

Granted<nlohmann::json> Authority::login(const nlohmann::json& body) {
    return parts_->granted([&](AuthorityCore& core) { return core.login(Fields(body)); });
}

Granted<nlohmann::json> Authority::logout(std::string_view session) {
    return parts_->granted([&](AuthorityCore& core) { return core.logout(session); });
}

void Authority::end_sessions() {
    parts_->alone([](AuthorityCore& core) { core.sessions().end_all(); });
}

Granted<nlohmann::json> Authority::directory(std::string_view session, const nlohmann::json& query) {
    return parts_->granted(
        [&](AuthorityCore& core) { return core.directory_answer(session, Fields(query)); });
}

Granted<nlohmann::json> Authority::renewal(std::string_view session, const nlohmann::json& body) {
    return parts_->granted([&](AuthorityCore& core) { return core.renewal(session, Fields(body)); });
}

Granted<nlohmann::json> Authority::certificate(std::string_view session, std::string_view renewal,
                                               const nlohmann::json& body, Misissue misissue) {
    return parts_->granted(
        [&](AuthorityCore& core) { return core.certificate(session, renewal, Fields(body), misissue); });
}

Granted<nlohmann::json> Authority::renewal_done(std::string_view session, std::string_view renewal) {
    return parts_->granted([&](AuthorityCore& core) { return core.renewal_done(session, renewal); });
}

Granted<nlohmann::json> Authority::management_key_answer(std::string_view session,
                                                         const nlohmann::json& body) {
    return parts_->granted(
        [&](AuthorityCore& core) { return core.management_key_answer(session, Fields(body)); });
}

Granted<nlohmann::json> Authority::unlock(const nlohmann::json& body) {
    return parts_->granted([&](AuthorityCore& core) { return core.unlock(Fields(body)); });
}

Granted<nlohmann::json> Authority::unlock_done(const nlohmann::json& body) {
    return parts_->granted([&](AuthorityCore& core) { return core.unlock_done(Fields(body)); });
}

std::vector<Bytes> Authority::ca_certificates() const {
    return parts_->alone([](AuthorityCore& core) {
        const ByteView issuing = core.book().issuing().certificate();
        const ByteView root = core.book().root().certificate();
        return std::vector<Bytes>{Bytes(issuing.begin(), issuing.end()), Bytes(root.begin(), root.end())};
    });
}

Bytes Authority::csr_attributes() const {
    return AuthorityCore::request_attributes();
}

Granted<Bytes> Authority::simple_enroll(ByteView request, Misissue misissue) {
    return parts_->granted([&](AuthorityCore& core) { return core.simple_enroll(request, misissue); });
}

Granted<Bytes> Authority::simple_reenroll(ByteView client_certificate, ByteView request, Misissue misissue) {
    return parts_->granted(
        [&](AuthorityCore& core) { return core.simple_reenroll(client_certificate, request, misissue); });
}

AuthorityState Authority::state() const {
    return parts_->alone([this](AuthorityCore& core) {
        AuthorityState state;
        state.kept_ =
            std::make_shared<const AuthorityState::Kept>(AuthorityState::Kept{parts_.get(), core.kept()});
        return state;
    });
}

void Authority::restore(const AuthorityState& state) {
    if (!state.kept_ || state.kept_->whose != parts_.get()) {
        throw std::invalid_argument("an authority is restored to a state that is not its own");
    }
    parts_->alone([&](AuthorityCore& core) { core.restore(state.kept_->core); });
}

void Authority::note_lost_answer(ByteView certificate) {
    parts_->alone([&](AuthorityCore& core) { core.book().set_delivered(certificate, false); });
}

} // namespace cardrig::harness
