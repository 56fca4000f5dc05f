#include "scenarios/clients/reference/piv.h"

#include "apdu/command_apdu.h"
#include "apdu/instructions.h"
#include "apdu/piv_application_id.h"
#include "scenarios/clients/reference/containers.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using apdu::StatusWord;
namespace ins = apdu::ins;
namespace sw = apdu::sw;

constexpr std::size_t block_size = 255;
constexpr std::size_t longest_answer = 65'536;
constexpr std::chrono::seconds ordinary{10};
constexpr std::chrono::seconds writing{30};
/// RSA keys take chips their time; three minutes were seen for the worst.
constexpr std::chrono::seconds generating{180};

constexpr std::uint8_t passcode_reference = 0x80;
constexpr std::uint8_t unblocking_reference = 0x81;
constexpr std::uint8_t management_reference = 0x9B;

// SP 800-73-4 part 2, 3.2.4, table 7: the dynamic authentication template and what is in it.
constexpr apdu::Tag authentication_template = 0x7C;
constexpr apdu::Tag challenge_tag = 0x81;
constexpr apdu::Tag response_tag = 0x82;

/// SP 800-73-4 part 2, 2.4.3: eight bytes, filled up with FF.
void append_code(Bytes& out, const Secret& code) {
    out.insert(out.end(), code.bytes().begin(), code.bytes().end());
    out.insert(out.end(), 8 - std::min<std::size_t>(code.size(), 8), 0xFF);
}

Bytes codes(const Secret& first, const Secret& second) {
    Bytes data;
    append_code(data, first);
    append_code(data, second);
    return data;
}

Bytes tag_list(apdu::Tag object) {
    return apdu::make_tlv(0x5C, apdu::encode_tag(object));
}

/// The one thing in an authentication template that was asked for.
std::optional<Bytes> in_template(ByteView data, apdu::Tag tag) {
    const auto outer = apdu::parse_tlvs(data);
    const auto value = outer ? apdu::find_tlv(*outer, authentication_template) : std::nullopt;
    if (!value) {
        return std::nullopt;
    }
    const auto inner = apdu::parse_tlvs(*value);
    const auto found = inner ? apdu::find_tlv(*inner, tag) : std::nullopt;
    return found ? std::optional(Bytes(found->begin(), found->end())) : std::nullopt;
}

/// SP 800-73-4 part 2, 3.1.2: what the objects are in; the discovery object alone is in none.
CardError refusal(const char* what, StatusWord status) {
    return {CardError::Kind::refused,
            fmt::format("{}: {} ({})", what, apdu::describe(status), apdu::to_string(status))};
}

} // namespace

const char* name_of(Slot slot) {
    return slot == Slot::authentication ? "9A" : "9C";
}

std::optional<unsigned> tries_left(StatusWord status) {
    if (status == sw::authentication_method_blocked) {
        return 0;
    }
    return (status.value() & 0xFFF0U) == 0x63C0U ? std::optional<unsigned>(status.sw2() & 0x0FU)
                                                 : std::nullopt;
}

// --- APDUs

ResponseApdu Piv::exchange(const Bytes& bytes, std::chrono::milliseconds limit) {
    const auto response = ResponseApdu::parse(channel_.transmit(bytes, limit));
    if (!response) {
        throw CardError(CardError::Kind::failed, response.error().message);
    }
    return *response;
}

ResponseApdu Piv::fetch(ResponseApdu first) {
    while (first.status.sw1() == 0x61) {
        const std::uint32_t announced = first.status.sw2() == 0 ? 256 : first.status.sw2();
        ResponseApdu more =
            exchange(CommandApdu(0, ins::get_response, 0, 0, {}, announced).encode(), ordinary);
        if (more.data.empty()) {
            throw CardError(CardError::Kind::failed, "an answer that was announced does not come");
        }
        first.data.insert(first.data.end(), more.data.begin(), more.data.end());
        first.status = more.status;
        if (first.data.size() > longest_answer) {
            throw CardError(CardError::Kind::failed, "an answer without end");
        }
    }
    return first;
}

ResponseApdu Piv::command(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, ByteView data,
                          bool expects_answer, std::chrono::milliseconds limit) {
    while (data.size() > block_size) {
        const ByteView block = data.first(block_size);
        // ISO/IEC 7816-4, 5.3.3: bit 5 of the class says that more follows.
        const ResponseApdu answer =
            exchange(CommandApdu(0x10, ins, p1, p2, Bytes(block.begin(), block.end())).encode(), limit);
        if (!answer.status.ok()) {
            return answer;
        }
        data = data.subspan(block_size);
    }
    std::optional<std::uint32_t> expected;
    if (expects_answer && (data.empty() || channel_.expects_length_with_data())) {
        expected = 256;
    }
    const Bytes rest(data.begin(), data.end());
    ResponseApdu answer = exchange(CommandApdu(0, ins, p1, p2, rest, expected).encode(), limit);
    if (answer.status.sw1() == 0x6C && expects_answer) {
        // ISO/IEC 7816-3, 12.2: the length that it wants is told, and the command not carried out.
        const std::uint32_t wanted = answer.status.sw2() == 0 ? 256 : answer.status.sw2();
        answer = exchange(CommandApdu(0, ins, p1, p2, rest, wanted).encode(), limit);
    }
    return expects_answer ? fetch(std::move(answer)) : answer;
}

// --- objects

void Piv::select() {
    const ResponseApdu answer = command(ins::select, 0x04, 0x00, apdu::piv_application_id, true, ordinary);
    if (!answer.status.ok()) {
        throw refusal("this is no PIV card", answer.status);
    }
}

std::optional<Bytes> Piv::read(apdu::Tag object) {
    const ResponseApdu answer = command(ins::get_data, 0x3F, 0xFF, tag_list(object), true, ordinary);
    if (answer.status == sw::file_or_application_not_found) {
        return std::nullopt;
    }
    if (!answer.status.ok()) {
        throw refusal("reading an object", answer.status);
    }
    ByteView rest = answer.data;
    const auto outer = apdu::take_tlv(rest);
    if (!outer || outer->tag != 0x53 || !rest.empty()) {
        throw CardError(CardError::Kind::failed, "an object that is not in its wrapping");
    }
    return outer->value.empty() ? std::nullopt
                                : std::optional(Bytes(outer->value.begin(), outer->value.end()));
}

StatusWord Piv::write(apdu::Tag object, ByteView content) {
    Bytes data = tag_list(object);
    apdu::append_tlv(data, 0x53, content);
    return command(ins::put_data, 0x3F, 0xFF, data, false, writing).status;
}

// --- passcodes

std::optional<unsigned> Piv::tries() {
    return tries_left(command(ins::verify, 0, passcode_reference, {}, false, ordinary).status);
}

StatusWord Piv::verify(const Secret& passcode) {
    Bytes data;
    append_code(data, passcode);
    const StatusWord status = command(ins::verify, 0, passcode_reference, data, false, ordinary).status;
    OPENSSL_cleanse(data.data(), data.size());
    return status;
}

StatusWord Piv::change_passcode(const Secret& old_one, const Secret& new_one) {
    Bytes data = codes(old_one, new_one);
    const StatusWord status =
        command(ins::change_reference_data, 0, passcode_reference, data, false, writing).status;
    OPENSSL_cleanse(data.data(), data.size());
    return status;
}

StatusWord Piv::change_unblocking_code(const Secret& old_one, const Secret& new_one) {
    Bytes data = codes(old_one, new_one);
    const StatusWord status =
        command(ins::change_reference_data, 0, unblocking_reference, data, false, writing).status;
    OPENSSL_cleanse(data.data(), data.size());
    return status;
}

StatusWord Piv::reset_retry_counter(const Secret& unblocking_code, const Secret& passcode) {
    Bytes data = codes(unblocking_code, passcode);
    const StatusWord status =
        command(ins::reset_retry_counter, 0, passcode_reference, data, false, writing).status;
    OPENSSL_cleanse(data.data(), data.size());
    return status;
}

// --- keys

ResponseApdu Piv::generate(KeyReference key, std::uint8_t algorithm, std::optional<PasscodePolicy> policy) {
    const Bytes mechanism{algorithm};
    Bytes control = apdu::make_tlv(0x80, mechanism);
    if (policy) {
        apdu::append_tlv(control, 0xAA, Bytes{static_cast<std::uint8_t>(*policy)});
    }
    return command(ins::generate_key_pair, 0, key, apdu::make_tlv(0xAC, control), true, generating);
}

ResponseApdu Piv::sign(KeyReference key, std::uint8_t algorithm, ByteView input) {
    Bytes inner = apdu::make_tlv(response_tag, {});
    apdu::append_tlv(inner, challenge_tag, input);
    ResponseApdu answer = command(ins::general_authenticate, algorithm, key,
                                  apdu::make_tlv(authentication_template, inner), true, ordinary);
    if (!answer.status.ok()) {
        return answer;
    }
    auto signature = in_template(answer.data, response_tag);
    if (!signature) {
        throw CardError(CardError::Kind::failed, "a signature that is not in its wrapping");
    }
    return {std::move(*signature), answer.status};
}

ManagementChallenge Piv::management_challenge() {
    // AES-192 is what newer cards have, Triple DES what older ones do (SP 800-78-4, table 6-1).
    constexpr std::array<std::uint8_t, 4> algorithms{0x03, 0x0A, 0x08, 0x0C};
    StatusWord last = sw::success;
    for (const std::uint8_t algorithm : algorithms) {
        if (management_algorithm_ && *management_algorithm_ != algorithm) {
            continue;
        }
        const Bytes asked = apdu::make_tlv(authentication_template, apdu::make_tlv(challenge_tag, {}));
        const ResponseApdu answer =
            command(ins::general_authenticate, algorithm, management_reference, asked, true, ordinary);
        last = answer.status;
        if (!answer.status.ok()) {
            continue;
        }
        if (auto challenge = in_template(answer.data, challenge_tag)) {
            management_algorithm_ = algorithm;
            return {algorithm, std::move(*challenge)};
        }
        throw CardError(CardError::Kind::failed, "a challenge that is not in its wrapping");
    }
    throw refusal("the card gives no challenge for its management key", last);
}

StatusWord Piv::answer_challenge(std::uint8_t algorithm, ByteView response) {
    const Bytes answer = apdu::make_tlv(authentication_template, apdu::make_tlv(response_tag, response));
    return command(ins::general_authenticate, algorithm, management_reference, answer, false, ordinary)
        .status;
}

// --- of tokens

std::optional<std::array<std::uint8_t, 3>> Piv::version() {
    const ResponseApdu answer = command(ins::get_version, 0, 0, {}, true, ordinary);
    if (!answer.status.ok() || answer.data.size() != 3) {
        return std::nullopt;
    }
    return std::array{answer.data[0], answer.data[1], answer.data[2]};
}

std::optional<KeyMetadata> Piv::metadata(KeyReference key) {
    const ResponseApdu answer = command(ins::get_metadata, 0, key, {}, true, ordinary);
    if (answer.status == sw::referenced_data_not_found) {
        return std::nullopt;
    }
    if (!answer.status.ok()) {
        throw refusal("what is known of a key", answer.status);
    }
    auto metadata = metadata_in(answer.data);
    if (!metadata) {
        throw CardError(CardError::Kind::failed, "what is known of a key makes no sense");
    }
    return metadata;
}

StatusWord Piv::move_key(KeyReference from, KeyReference to) {
    return command(ins::move_key, to, from, {}, false, writing).status;
}

StatusWord Piv::delete_key(KeyReference key) {
    constexpr KeyReference nowhere = 0xFF;
    return move_key(key, nowhere);
}

} // namespace cardrig::client
