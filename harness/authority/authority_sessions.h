// Who is logged in: challenges that are good once, and sessions.
#pragma once

#include "emulator/crypto.h"

#include <chrono>
#include <map>
#include <string>
#include <string_view>

namespace cardrig::harness {

struct Session {
    std::string guid;   ///< of the device that logged in
    std::string number; ///< of its holder
    std::string role;
    std::chrono::sys_seconds until;

    [[nodiscard]] bool of_agent() const { return role == "agent"; }
};

class Sessions final {
public:
    /// The context outlives this.
    explicit Sessions(emulator::CryptoContext& context) : context_(context) {}

    [[nodiscard]] emulator::Bytes new_challenge(std::chrono::sys_seconds now);
    /// Whether it was given out, is not late, and was not redeemed before.
    [[nodiscard]] bool redeem(emulator::ByteView challenge, std::chrono::sys_seconds now);

    /// Returns its id.
    [[nodiscard]] std::string begin(Session session, std::chrono::sys_seconds now);
    /// Null where there is none of that id, or no more.
    [[nodiscard]] const Session* find(std::string_view id, std::chrono::sys_seconds now);
    void end(std::string_view id);
    void end_all() { kept_.sessions.clear(); }

    struct Kept {
        std::map<std::string, std::chrono::sys_seconds, std::less<>> challenges; ///< hex, and until when
        std::map<std::string, Session, std::less<>> sessions;
    };
    [[nodiscard]] Kept kept() const { return kept_; }
    /// They last by so much longer.
    void restore(Kept kept, std::chrono::seconds longer);

private:
    [[nodiscard]] emulator::Bytes draw(std::size_t size);

    emulator::CryptoContext& context_;
    Kept kept_;
};

} // namespace cardrig::harness
