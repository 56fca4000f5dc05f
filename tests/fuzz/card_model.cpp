#include "tests/fuzz/card_model.h"

#include "apdu/instructions.h"
#include "apdu/piv_application_id.h"
#include "emulator/piv/piv_memory.h"
#include "tests/fuzz/card_rules.h"
#include "tests/fuzz/signature_check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fuzz {

namespace apdu = cardrig::apdu;
namespace piv = cardrig::emulator::piv;
namespace sw = apdu::sw;
using apdu::ResponseApdu;
using apdu::StatusWord;
using emulator::Algorithm;

namespace {

constexpr std::size_t short_answer = 256;

/// A refusal may come only from here, or be 63Cx.
constexpr std::array refusals{sw::wrong_length,
                              sw::secure_messaging_not_supported,
                              sw::command_chaining_not_supported,
                              sw::security_status_not_satisfied,
                              sw::authentication_method_blocked,
                              sw::conditions_of_use_not_satisfied,
                              sw::incorrect_data,
                              sw::function_not_supported,
                              sw::file_or_application_not_found,
                              sw::not_enough_memory,
                              sw::incorrect_p1_p2,
                              sw::referenced_data_not_found,
                              sw::instruction_not_supported,
                              sw::class_not_supported};

// SP 800-73-4 part 1, table 2: what is read with the passcode alone.
constexpr std::array<apdu::Tag, 5> read_with_passcode{0x5FC103, 0x5FC108, 0x5FC109, 0x5FC121, 0x5FC123};

/// Served though nobody wrote them.
bool is_derived(apdu::Tag tag) {
    return tag == 0x7E || tag == 0x5FC10C;
}

Bytes wrapped(apdu::Tag tag, ByteView value) {
    return apdu::make_tlv(tag == 0x7E || tag == 0x7F61 ? tag : 0x53, value);
}

std::optional<piv::StoredKey> stored_key(const Memory& memory, std::uint8_t reference) {
    const auto found = memory.objects.find(piv::key_object(reference));
    if (found == memory.objects.end()) {
        return std::nullopt;
    }
    const auto key = piv::StoredKey::decode(found->second);
    promise(key.has_value(), "I5 a key cannot be read");
    return *key;
}

Bytes element_of_template(ByteView data, apdu::Tag tag) {
    const auto outer = apdu::parse_tlvs(data);
    promise(outer && outer->size() == 1 && outer->front().tag == 0x7C, "an answer is a template 7C");
    const auto inner = apdu::parse_tlvs(outer->front().value);
    promise(inner && inner->size() == 1 && inner->front().tag == tag,
            "the template holds what was asked for");
    return {inner->front().value.begin(), inner->front().value.end()};
}

} // namespace

Memory memory_of(const emulator::ObjectStore& store) {
    Memory memory;
    for (const emulator::ObjectId id : store.objects()) {
        const auto content = store.read(id);
        promise(content.has_value(), "I5 an object that is there cannot be read");
        memory.objects.emplace(id, *content);
    }
    for (std::uint8_t i = 0; i < memory.counters.size(); ++i) {
        memory.counters.at(i) = store.counter(emulator::CounterId{i});
    }
    constexpr auto marks = static_cast<std::uint32_t>(piv::unfinished_mark(0));
    constexpr std::uint32_t tags = 0x0100'0000U;
    const auto is_mark = [](emulator::ObjectId id) {
        return static_cast<std::uint32_t>(id) / tags == marks / tags;
    };
    for (const emulator::ObjectId id : store.objects()) {
        if (is_mark(id)) {
            memory.objects.erase(id);
            memory.objects.erase(piv::data_object(static_cast<std::uint32_t>(id) % tags));
        }
    }
    return memory;
}

CardModel::CardModel(const emulator::CardConfig& config, emulator::CryptoContext& crypto, Memory start)
    : config_(config), crypto_(crypto), memory_(std::move(start)), reader_(config.piv) {}

Bytes CardModel::code(std::uint8_t reference) const {
    return memory_.objects.at(parts(reference).value);
}

std::uint8_t CardModel::tries(std::uint8_t reference) const {
    return memory_.counters.at(parts(reference).tries);
}

const std::vector<Bytes>& CardModel::old_codes(std::uint8_t reference) const {
    static const std::vector<Bytes> none;
    const auto found = old_codes_.find(reference);
    return found == old_codes_.end() ? none : found->second;
}

bool CardModel::logged_in() const {
    return std::ranges::any_of(logins_, [](const auto& login) { return login.second.verified; });
}

bool CardModel::may_sign() const {
    return std::ranges::any_of(
        logins_, [](const auto& login) { return login.second.verified && login.second.unused; });
}

Bytes CardModel::management_key() const {
    return memory_.objects.at(piv::management_key_object);
}

void CardModel::command(ByteView bytes) {
    sent_.assign(bytes.begin(), bytes.end());
    under_way_ = reader_.read(bytes);
    const Kind kind = under_way_->kind;
    if (kind != Kind::get_response) {
        waiting_ = false;
        rest_.reset();
    }
    // A block, and what fetches the rest of an answer, belong to the command before or after them.
    if (kind != Kind::block && kind != Kind::get_response) {
        awaited_ = std::exchange(handed_out_, std::nullopt);
    }
}

// Answers.

void CardModel::check_form(ByteView answer) const {
    const auto response = ResponseApdu::parse(answer);
    promise(response.has_value(), "I1 an answer has a status word at least");
    const auto command = apdu::CommandApdu::parse(sent_);
    promise(!command || response->data.size() <= command->ne().value_or(short_answer),
            "an answer is no longer than asked for");
    const StatusWord status = response->status;
    const bool torn = !judging_ && status == sw::memory_failure;
    const bool known = torn || status.ok() || (status.value() & 0xFFF0U) == 0x63C0 ||
                       std::ranges::count(refusals, status) == 1;
    promise(known, "no command is answered " + apdu::to_string(status));
    promise(status.ok() || response->data.empty(), "a refusal brings no data");
}

void CardModel::check_memory(const Observed& observed, StatusWord status) const {
    const Expectation expected = expect(observed.made_key);
    const bool out_of_memory = expected.may_run_out_of_memory && status == sw::not_enough_memory;
    if (expected.status && !out_of_memory) {
        const bool as_expected = status == *expected.status;
        const bool is_code = under_way_->kind == Kind::verify || under_way_->kind == Kind::change ||
                             under_way_->kind == Kind::unblock || under_way_->kind == Kind::query;
        promise(as_expected, fmt::format("{}answered {}, not {}", is_code ? "I6 " : "",
                                         apdu::to_string(status), apdu::to_string(*expected.status)));
    }
    promise(!expected.forbidden || !status.ok(), "what nobody may do is refused");
    if (expected.open) {
        promise(std::ranges::count(expected.course, observed.memory) > 0,
                "I5 objects are not what blocks leave");
        return;
    }
    const bool done = expected.status ? !out_of_memory : status.ok();
    const Memory& right = done ? expected.end() : memory_;
    promise(observed.memory.counters == right.counters, "I6 tries are not what the command leaves");
    promise(observed.memory.objects == right.objects, "I5 objects are not what the command leaves");
    const bool compares = expected.course.size() > 1;
    promise(compares || observed.writes == 0, "what changes nothing writes nothing");
}

void CardModel::check_piece(Bytes whole, const ResponseApdu& response) {
    const std::size_t most = under_way_->ne.value_or(short_answer);
    const std::size_t size = std::min<std::size_t>(most, whole.size());
    promise(std::ranges::equal(response.data, ByteView(whole).first(size)), "I5 the answer's data are wrong");
    whole.erase(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const StatusWord status = whole.empty() ? sw::success : sw::bytes_available(whole.size());
    promise(response.status == status,
            fmt::format("{} bytes wait, and {} is answered", whole.size(), apdu::to_string(response.status)));
    waiting_ = !whole.empty();
    rest_ = std::move(whole);
}

void CardModel::check_object(const ResponseApdu& response) {
    const apdu::Tag tag = *under_way_->tag;
    if (std::ranges::count(read_with_passcode, tag) == 1 && !logged_in()) {
        promise(response.status == sw::security_status_not_satisfied, "the object wants the passcode");
        return;
    }
    const auto found = memory_.objects.find(piv::data_object(tag));
    if (found != memory_.objects.end() && is_piv_object(config_.piv, tag)) {
        promise(response.status.ok(), "I1 an object that is there is read");
        check_piece(wrapped(tag, found->second), response);
    } else if (is_derived(tag)) {
        promise(response.status.ok(), "I1 what the card makes up is read");
    } else {
        promise(response.status == sw::file_or_application_not_found,
                "an object that is not there is not found");
    }
}

void CardModel::check_rest(const ResponseApdu& response) {
    promise(response.status.ok() == waiting_, "GET RESPONSE brings what waits, and nothing else");
    if (waiting_ && rest_) {
        check_piece(*std::exchange(rest_, std::nullopt), response);
    } else {
        waiting_ = response.status.sw1() == 0x61;
    }
}

void CardModel::check_key_use(const ResponseApdu& response) {
    const auto key = stored_key(memory_, under_way_->reference);
    const std::uint8_t policy =
        key ? policy_of(under_way_->reference, key->passcode_policy) : std::uint8_t{0};
    const bool allowed = policy == 1 || (policy == 2 && logged_in()) || (policy == 3 && may_sign());
    const bool sure = policy == 3 ? just_verified_ : allowed;
    const bool fits = key && under_way_->algorithm == static_cast<std::uint8_t>(key->algorithm);
    if (!response.status.ok()) {
        const Meaning& m = *under_way_;
        const bool signs = fits && emulator::is_elliptic(key->algorithm) && m.challenge &&
                           !m.challenge->empty() && m.challenge->size() <= field_size(key->algorithm) &&
                           m.response && m.response->empty() && !m.witness && !m.point;
        promise(!signs || !sure, "a key that may be used signs");
        return;
    }
    promise(allowed, "I6 a key wants the passcode");
    promise(fits, "a key is used with its own algorithm");
    for (auto& [reference, login] : logins_) {
        login.unused = login.unused && policy != 3;
    }
    if (response.status == sw::success && emulator::is_elliptic(key->algorithm) && under_way_->challenge) {
        const Bytes signature = element_of_template(response.data, 0x82);
        promise(verifies(crypto_, key->pkcs8, signature, *under_way_->challenge),
                "I5 a signature is of the key that was put there");
    }
}

void CardModel::check_card_proof(const ResponseApdu& response, ByteView challenge) const {
    const Bytes stored = management_key();
    const auto algorithm = static_cast<Algorithm>(stored.front());
    if (response.status == sw::success) {
        promise(element_of_template(response.data, 0x82) ==
                    emulator::encrypt_block(crypto_, algorithm, ByteView(stored).subspan(1), challenge),
                "the card shows that it has the management key");
    }
}

void CardModel::check_host_proof(const ResponseApdu& response) {
    const std::optional<Bytes>& proof = under_way_->witness ? under_way_->witness : under_way_->response;
    if (!response.status.ok()) {
        const bool expected = awaited_ && awaited_->proof &&
                              awaited_->witness == under_way_->witness.has_value() &&
                              awaited_->proof == proof && under_way_->algorithm == management_key().front();
        const bool whole = !under_way_->witness || (proof && under_way_->challenge->size() == proof->size());
        promise(!expected || !whole, "I6 who shows the management key is let in");
        authenticated_ = false;
        return;
    }
    const bool right = awaited_ && awaited_->witness == under_way_->witness.has_value() &&
                       (!awaited_->proof || awaited_->proof == proof);
    promise(right, "I6 the administrator shows the management key");
    authenticated_ = true;
    if (under_way_->witness) {
        check_card_proof(response, *under_way_->challenge);
    }
}

void CardModel::note_question(const ResponseApdu& response) {
    if (!response.status.ok()) {
        return;
    }
    handed_out_ = Question{under_way_->witness.has_value(), std::nullopt};
    if (response.status != sw::success) {
        return;
    }
    const Bytes stored = management_key();
    const auto algorithm = static_cast<Algorithm>(stored.front());
    const ByteView key = ByteView(stored).subspan(1);
    const Bytes asked = element_of_template(response.data, handed_out_->witness ? 0x80 : 0x81);
    handed_out_->proof = handed_out_->witness ? emulator::decrypt_block(crypto_, algorithm, key, asked)
                                              : emulator::encrypt_block(crypto_, algorithm, key, asked);
}

void CardModel::note_codes(const ResponseApdu& response) {
    const Kind kind = under_way_->kind;
    const std::uint8_t reference = under_way_->reference;
    // Whoever shows a wrong unblocking code logs the holder out, too.
    const std::uint8_t passcode = reference == unblocking_code_reference ? passcode_reference : reference;
    if (response.status.sw1() == 0x63) {
        logins_[passcode] = {};
    }
    if (!response.status.ok()) {
        return;
    }
    if (kind == Kind::verify) {
        logins_[passcode] = {true, true};
        just_verified_ = true;
    } else if (kind == Kind::change && reference == passcode) {
        logins_[passcode].verified = true;
    }
    if (kind != Kind::verify && code(reference) != under_way_->replacement) {
        old_codes_[reference].push_back(code(reference));
    }
}

/// Of a token: whoever sets the tries, or resets it, brings the codes of the factory back.
void CardModel::note_factory_codes(bool all) {
    logins_[passcode_reference] = {};
    for (const std::uint8_t reference : {passcode_reference, unblocking_code_reference}) {
        old_codes_[reference].push_back(code(reference));
    }
    if (all) {
        logins_.clear();
        authenticated_ = false;
        handed_out_.reset();
    }
}

void CardModel::check_answer(const ResponseApdu& response, const std::optional<Bytes>& made_key) {
    switch (under_way_->kind) {
    case Kind::select: {
        const bool known = apdu::names_piv_application(under_way_->value);
        promise(known || !response.status.ok(), "an application that is not there is not selected");
        return;
    }
    case Kind::get_data:
        return check_object(response);
    case Kind::get_response:
        return check_rest(response);
    case Kind::verify:
    case Kind::change:
    case Kind::unblock:
        return note_codes(response);
    case Kind::forget:
        logins_[under_way_->reference] = {};
        return;
    case Kind::generate:
        if (response.status.ok()) {
            promise(made_key.has_value(), "I5 a key pair that is answered was made");
            const auto key = emulator::PrivateKey::from_der(crypto_, *made_key);
            check_piece(apdu::make_tlv(0x7F49, key->public_key_template()), response);
        }
        return;
    case Kind::ask_host:
        return note_question(response);
    case Kind::prove_host:
        return check_host_proof(response);
    case Kind::too_long:
        if (under_way_->instruction == apdu::ins::general_authenticate && under_way_->reference == 0x9B) {
            authenticated_ = false;
        }
        return;
    case Kind::other_9b:
        promise(!response.status.ok(), "what is no authentication is refused");
        authenticated_ = false;
        return;
    case Kind::use_key:
        if (under_way_->reference != 0x9B) {
            return check_key_use(response);
        }
        if (response.status.ok()) {
            return check_card_proof(response, *under_way_->challenge);
        }
        authenticated_ = false;
        return;
    case Kind::block:
        if (!response.status.ok()) {
            reader_.forget();
        }
        return;
    case Kind::set_tries:
    case Kind::reset_token:
        if (response.status.ok()) {
            note_factory_codes(under_way_->kind == Kind::reset_token);
        }
        return;
    case Kind::refused:
        promise(!response.status.ok(), "what the card does not know is refused");
        return;
    default:
        return;
    }
}

std::string CardModel::told() const {
    return fmt::format(" (command {})", apdu::to_hex(sent_));
}

void CardModel::answer(const Observed& observed) {
    try {
        check_form(observed.answer);
        const ResponseApdu response = *ResponseApdu::parse(observed.answer);
        if (judging_) {
            check_memory(observed, response.status);
            const bool was_just_verified = just_verified_;
            waiting_ = waiting_ || (response.status.sw1() == 0x61 && under_way_->kind != Kind::get_response);
            check_answer(response, observed.made_key);
            // VERIFY holds for the command right behind it; blocks of that one are part of it.
            just_verified_ = (under_way_->kind == Kind::verify && response.status.ok()) ||
                             (under_way_->kind == Kind::block && was_just_verified);
            memory_ = observed.memory;
        }
        under_way_.reset();
    } catch (const BrokenPromise& broken) {
        throw BrokenPromise(broken.what() + told() +
                            fmt::format(" answered {}", apdu::to_hex(observed.answer)));
    }
}

// Power.

void CardModel::forget_statuses() {
    reader_.forget();
    logins_.clear();
    just_verified_ = false;
    authenticated_ = false;
    handed_out_.reset();
    awaited_.reset();
    waiting_ = false;
    rest_.reset();
}

void CardModel::reset() {
    forget_statuses();
}

void CardModel::power_cut(const std::optional<Bytes>& made_key) {
    if (config_.protection != emulator::Protection::none && judging_) {
        if (under_way_) {
            possible_ = expect(made_key).course;
        } else if (possible_.empty()) {
            possible_ = {memory_};
        }
    } else {
        judging_ = false;
    }
    under_way_.reset();
    forget_statuses();
}

void CardModel::powered_on(const Memory& found) {
    forget_statuses();
    if (!judging_) {
        return;
    }
    if (possible_.empty()) {
        possible_ = {memory_};
    }
    const auto same_objects = [&](const Memory& each) { return each.objects == found.objects; };
    const std::string after = fmt::format(" after a power-on{}", sent_.empty() ? "" : told());
    promise(std::ranges::any_of(possible_, same_objects),
            "I5 an object has a value that was never committed" + after);
    promise(std::ranges::count(possible_, found) > 0, "I6 tries have a value that they never had" + after);
    memory_ = found;
    possible_.clear();
}

} // namespace fuzz
