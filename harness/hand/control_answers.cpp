// What the hand says to each request.
#include "harness/hand/control_server.h"
#include "harness/hand/hand.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::chrono::milliseconds usual_limit_of_moves = 10s;
constexpr std::chrono::milliseconds usual_limit_of_waits = 60s;

json shown(const Fault& fault) {
    return {{"fault", fault.id}, {"at", fault.place.text()}, {"do", fault.effect.text()}};
}

void add_notice(json& answer, const std::string& notice) {
    if (!notice.empty()) {
        answer["notice"] = notice;
    }
}

json plan(Hand& hand, const ControlRequest& request) {
    const Fault fault{*request.at, request.effect};
    json answer{{"ok", true}, {"fault", hand.plan(fault)}};
    add_notice(answer, hand.notice(fault));
    return answer;
}

json act(Hand& hand, const ControlRequest& request, bool seen, const Hand::KeepWaiting& keep_waiting) {
    const Hand::Done done =
        hand.act(request.effect, request.limit.value_or(usual_limit_of_moves), keep_waiting);
    json answer{{"ok", true}};
    if (done.fault) {
        answer["fault"] = *done.fault;
    } else {
        answer["seen"] = seen ? json(true) : json();
    }
    add_notice(answer, done.notice);
    return answer;
}

json wait(Hand& hand, const ControlRequest& request, const Hand::KeepWaiting& keep_waiting) {
    const auto limit = request.limit.value_or(usual_limit_of_waits);
    const bool happened = request.fault ? hand.wait(*request.fault, limit, keep_waiting)
                                        : hand.wait(*request.at, limit, keep_waiting);
    if (!happened) {
        throw NotInTime(
            fmt::format("not within {} s: {}", static_cast<double>(limit.count()) / 1000,
                        request.fault ? fmt::format("fault {}", *request.fault) : request.at->text()));
    }
    return {{"ok", true}};
}

} // namespace

ControlAnswers answers_of(Hand& hand, bool seen) {
    return [&hand, seen](const ControlRequest& request, const std::function<void()>& keep_waiting) {
        switch (request.asked) {
        case ControlRequest::Asked::act:
            return request.at ? plan(hand, request) : act(hand, request, seen, keep_waiting);
        case ControlRequest::Asked::wait:
            return wait(hand, request, keep_waiting);
        case ControlRequest::Asked::forget: {
            json forgotten = json::array();
            for (const Fault& fault : hand.forget()) {
                forgotten.push_back(shown(fault));
            }
            return json{{"ok", true}, {"forgotten", std::move(forgotten)}};
        }
        case ControlRequest::Asked::status:
            break;
        }
        json answer = hand.status();
        answer["ok"] = true;
        return answer;
    };
}

} // namespace cardrig::harness
