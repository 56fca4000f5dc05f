#include "harness/authority/authority_sessions.h"

#include "emulator/environment.h"

#include <utility>

namespace cardrig::harness {

namespace {

constexpr std::size_t challenge_size = 32;
constexpr std::size_t id_size = 16;
constexpr std::chrono::minutes challenge_valid(2);
constexpr std::chrono::hours session_valid(1);
constexpr std::size_t most = 10'000; // of either kind, so that nobody fills our memory by asking

template <class Map, class Until>
void forget_late(Map& map, std::chrono::sys_seconds now, Until until) {
    std::erase_if(map, [&](const auto& each) { return until(each.second) < now; });
    if (map.size() >= most) {
        map.clear();
    }
}

} // namespace

emulator::Bytes Sessions::draw(std::size_t size) {
    emulator::Bytes bytes(size);
    emulator::ContextEntropy(context_).fill(bytes);
    return bytes;
}

emulator::Bytes Sessions::new_challenge(std::chrono::sys_seconds now) {
    forget_late(kept_.challenges, now, [](std::chrono::sys_seconds until) { return until; });
    emulator::Bytes challenge = draw(challenge_size);
    kept_.challenges[apdu::to_hex(challenge)] = now + challenge_valid;
    return challenge;
}

bool Sessions::redeem(emulator::ByteView challenge, std::chrono::sys_seconds now) {
    const auto found = kept_.challenges.find(apdu::to_hex(challenge));
    if (found == kept_.challenges.end()) {
        return false;
    }
    const bool in_time = now <= found->second;
    kept_.challenges.erase(found);
    return in_time;
}

std::string Sessions::begin(Session session, std::chrono::sys_seconds now) {
    forget_late(kept_.sessions, now, [](const Session& each) { return each.until; });
    session.until = now + session_valid;
    std::string id = apdu::to_hex(draw(id_size));
    kept_.sessions[id] = std::move(session);
    return id;
}

const Session* Sessions::find(std::string_view id, std::chrono::sys_seconds now) {
    const auto found = kept_.sessions.find(id);
    return found == kept_.sessions.end() || found->second.until < now ? nullptr : &found->second;
}

void Sessions::end(std::string_view id) {
    if (const auto found = kept_.sessions.find(id); found != kept_.sessions.end()) {
        kept_.sessions.erase(found);
    }
}

void Sessions::restore(Kept kept, std::chrono::seconds longer) {
    kept_ = std::move(kept);
    for (auto& [challenge, until] : kept_.challenges) {
        until += longer;
    }
    for (auto& [id, session] : kept_.sessions) {
        session.until += longer;
    }
}

} // namespace cardrig::harness
