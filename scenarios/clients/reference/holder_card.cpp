#include "scenarios/clients/reference/holder_card.h"

#include "scenarios/clients/reference/containers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/rand.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;
using Kind = CardError::Kind;
namespace sw = apdu::sw;

constexpr std::array<Slot, 2> slots{Slot::authentication, Slot::signature};
constexpr int senseless_entries = 3; ///< are put up with

std::size_t place_of(Slot slot) {
    return slot == Slot::authentication ? 0 : 1;
}

/// Anything that can go wrong with the way to the card and with the card, as a failure of the task.
template <class Work>
auto reporting(Work&& work) {
    try {
        return work();
    } catch (const CardError& error) {
        throw card_problem(error.what());
    }
}

} // namespace

Bytes HolderCard::GuardedChannel::transmit(ByteView command, std::chrono::milliseconds limit) {
    if (guard_) {
        guard_();
    }
    return connection_.transmit(command, limit);
}

HolderCard::HolderCard(const std::string& reader, Guard guard)
    : connection_(reporting([&] { return Connection(reader); })), channel_(connection_, std::move(guard)),
      piv_(channel_) {
    reporting([&] {
        const Transaction transaction(connection_);
        piv_.select();
        identity_ = read_identity();
    });
}

const std::optional<Certificate>& HolderCard::certificate(Slot slot) const {
    return identity_.certificates[place_of(slot)];
}

void HolderCard::set_certificate(Slot slot, Certificate certificate) {
    identity_.certificates[place_of(slot)] = std::move(certificate);
}

std::chrono::sys_seconds HolderCard::ends() const {
    auto earliest = std::chrono::sys_seconds::max();
    for (const auto& certificate : identity_.certificates) {
        if (certificate) {
            earliest = std::min(earliest, certificate->not_after());
        }
    }
    return earliest;
}

// --- whose it is

CardIdentity HolderCard::read_identity() {
    CardIdentity identity;
    const auto holder_id = piv_.read(holder_id_object);
    const auto guid = holder_id ? guid_in(*holder_id) : std::nullopt;
    if (!guid) {
        throw needs_repair("the smartcard has no number of its own");
    }
    identity.guid = *guid;
    for (const Slot slot : slots) {
        const auto content = piv_.read(certificate_object(slot));
        const auto der = content ? certificate_in(*content) : std::nullopt;
        identity.certificates[place_of(slot)] = der ? Certificate::parse(*der) : std::nullopt;
    }
    const auto& [authentication, signature] = identity.certificates;
    if (!authentication && !signature) {
        throw needs_repair("no certificate on the smartcard says whose it is");
    }
    if (authentication && signature && authentication->holder() != signature->holder()) {
        throw needs_repair("the certificates on the smartcard are of two holders");
    }
    identity.holder = authentication ? authentication->holder() : signature->holder();
    return identity;
}

void HolderCard::check_identity() {
    CardIdentity now;
    try {
        now = read_identity();
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::step_failed) {
            throw; // the guard's
        }
        throw wrong_card(identity_.holder.name); // which had all of it
    }
    if (now.guid != identity_.guid || now.holder != identity_.holder) {
        throw wrong_card(identity_.holder.name);
    }
    identity_ = std::move(now);
}

void HolderCard::check_whose() {
    const auto holder_id = piv_.read(holder_id_object);
    if (!holder_id || guid_in(*holder_id) != identity_.guid) {
        throw wrong_card(identity_.holder.name);
    }
}

// --- steps

/// False: to a card that may be another one.
bool HolderCard::begin_transaction() {
    try {
        connection_.begin_transaction();
        return true;
    } catch (const CardError& error) {
        if (error.kind() != Kind::removed && error.kind() != Kind::reset) {
            throw;
        }
    }
    host_known_ = false;
    connection_.reconnect();
    connection_.begin_transaction();
    return false;
}

void HolderCard::begin() {
    const bool connected = begin_transaction();
    try {
        // SP 800-73-4 part 2, 3.1.1: what the card remembers stays, unless another program had selected
        // another application.
        piv_.select();
        if (!connected) {
            check_identity();
        }
    } catch (...) {
        connection_.end_transaction();
        throw;
    }
}

/// After a failure: whether somebody has put another card in.
bool HolderCard::another_card_is_in() {
    if (connection_.still_there()) {
        return false;
    }
    try {
        connection_.reconnect();
        piv_.select();
        const auto holder_id = piv_.read(holder_id_object);
        return !holder_id || guid_in(*holder_id) != identity_.guid;
    } catch (const CardError&) {
        return false; // none that could be looked at
    }
}

void HolderCard::step(const std::function<void()>& work) {
    try {
        begin();
        struct End {
            Connection& connection;
            ~End() { connection.end_transaction(); }
        } const end{connection_};
        work();
    } catch (const CardError& error) {
        host_known_ = false;
        if (another_card_is_in()) {
            throw wrong_card(identity_.holder.name, error.what());
        }
        throw card_problem(error.what());
    }
}

apdu::StatusWord HolderCard::try_passcode(const Secret& passcode) {
    check_whose();
    const apdu::StatusWord status = piv_.verify(passcode);
    if (status == sw::success) {
        connection_.reset_at_end();
    }
    return status;
}

apdu::StatusWord HolderCard::change_passcode(const Secret& old_one, const Secret& new_one) {
    check_whose();
    connection_.reset_at_end(); // it counts as given
    return piv_.change_passcode(old_one, new_one);
}

void HolderCard::give(const Secret& passcode) {
    const apdu::StatusWord status = try_passcode(passcode);
    if (status != sw::success) {
        throw CardError(Kind::refused,
                        fmt::format("the passcode is not accepted any more ({})", apdu::to_string(status)));
    }
}

std::optional<Bytes> HolderCard::sign(KeyReference slot, const PublicKey& key, ByteView data,
                                      const Secret& passcode) {
    const auto algorithm = key.algorithm();
    if (!algorithm) {
        return std::nullopt;
    }
    const Bytes input = key.signing_input(data);
    // SP 800-73-4 part 1, table 4: the signature key wants the passcode right before each of its uses, the
    // other once. In a slot for retired keys it may be either's.
    const bool always = slot != reference_of(Slot::authentication);
    if (always) {
        give(passcode);
    }
    apdu::ResponseApdu answer = piv_.sign(slot, *algorithm, input);
    if (answer.status == sw::security_status_not_satisfied && !always) {
        give(passcode);
        answer = piv_.sign(slot, *algorithm, input);
    }
    if (!answer.status.ok() || !key.verifies(data, answer.data)) {
        return std::nullopt;
    }
    return std::move(answer.data);
}

bool HolderCard::proves(KeyReference slot, const Certificate& certificate, const Secret& passcode) {
    Bytes text(32);
    if (RAND_bytes(text.data(), static_cast<int>(text.size())) != 1) {
        throw cannot_complete("no random numbers are to be had");
    }
    return sign(slot, certificate.key(), text, passcode).has_value();
}

void HolderCard::authenticate_host(const Authority& authority) {
    check_whose(); // whose management key is asked for, and what is about to be written to
    if (host_known_) {
        return;
    }
    const ManagementChallenge challenge = piv_.management_challenge();
    const Bytes answer = authority.management_answer(identity_.guid, challenge);
    const apdu::StatusWord status = piv_.answer_challenge(challenge.algorithm, answer);
    if (!status.ok()) {
        throw cannot_complete(fmt::format(
            "the smartcard does not accept the service as its administrator ({})", apdu::to_string(status)));
    }
    host_known_ = true;
}

// --- passcodes

bool could_be_passcode(const Secret& passcode) {
    return passcode.size() >= 4 && passcode.size() <= 8;
}

bool good_new_passcode(const Secret& passcode) {
    return passcode.size() >= 6 && passcode.size() <= 8 &&
           std::all_of(passcode.bytes().begin(), passcode.bytes().end(),
                       [](std::uint8_t c) { return c >= '0' && c <= '9'; });
}

Failure bad_passcode() {
    return {ExitStatus::step_failed, "Error: a passcode has 6 to 8 digits"};
}

Secret ask_passcode(const Person& person, HolderCard& card, std::string_view question) {
    for (int senseless = 0; senseless < senseless_entries;) {
        std::optional<unsigned> tries;
        card.step([&] { tries = card.piv().tries(); });
        if (tries == 0U) {
            throw card_locked();
        }
        if (tries == 1U) {
            person.say("This is the last try: a wrong passcode locks the card");
        }
        Secret passcode = person.ask_secret(question);
        apdu::StatusWord status = sw::incorrect_data;
        if (could_be_passcode(passcode)) {
            card.step([&] { status = card.try_passcode(passcode); });
        }
        if (status == sw::success) {
            return passcode;
        }
        if (const auto left = tries_left(status)) {
            person.say(fmt::format("Wrong passcode: {} tries left", *left));
            if (*left == 0) {
                throw card_locked();
            }
        } else if (status == sw::incorrect_data) {
            person.say(bad_passcode().what());
            ++senseless;
        } else {
            throw card_problem(fmt::format("the passcode: {}", apdu::to_string(status)));
        }
    }
    throw bad_passcode();
}

} // namespace cardrig::client
