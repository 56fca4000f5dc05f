#include "emulator/piv/commands.h"

#include "apdu/instructions.h"
#include "emulator/piv/data_objects.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator::piv {

namespace {

using apdu::CommandApdu;
namespace ins = apdu::ins;
namespace sw = apdu::sw;

/// What GENERAL AUTHENTICATE and GENERATE take: more than any key needs.
constexpr std::size_t longest_template = 16'384;

constexpr std::uint8_t chained_class = 0x10;
constexpr std::uint8_t secure_messaging_bits = 0x0C;

constexpr apdu::Tag tag_list = 0x5C;
constexpr apdu::Tag data_object_value = 0x53;

tl::unexpected<StatusWord> refused(StatusWord status) {
    return tl::make_unexpected(status);
}

ReferenceBlock block_at(const CommandApdu& command, std::size_t offset) {
    ReferenceBlock block{};
    std::copy_n(command.data().begin() + static_cast<std::ptrdiff_t>(offset), block.size(), block.begin());
    return block;
}

/// Bytes of a tag.
constexpr std::size_t longest_tag = 3;

bool stands_alone(apdu::Tag tag) {
    return tag == discovery_object || tag == biometric_group_template;
}

/// Tag and length at the front of what has come so far; none where they are cut short, 6A80 where no further
/// bytes can mend them.
Decoded<std::optional<apdu::TlvHeader>> header_so_far(ByteView bytes) {
    // 7F is the last byte of a tag and a length in one byte, and fits into a longer length, too: behind it,
    // whatever may begin a header is a whole one.
    static constexpr std::size_t longest_header = 8;
    static constexpr std::uint8_t any_end = 0x7F;
    const ByteView front = bytes.first(std::min(bytes.size(), longest_header));
    Bytes completed(2 * longest_header, any_end);
    std::ranges::copy(front, completed.begin());
    const auto header = apdu::read_tlv_header(completed);
    if (!header) {
        return refused(sw::incorrect_data);
    }
    return header->size > bytes.size() ? std::optional<apdu::TlvHeader>{} : std::optional{*header};
}

/// The tag that a tag list (5C) of exactly one tag names; none begins with 00 (ISO/IEC 8825-1, 8.1.2).
std::optional<apdu::Tag> listed_tag(ByteView list) {
    if (list.empty() || list.size() > longest_tag || list.front() == 0x00) {
        return std::nullopt;
    }
    apdu::Tag tag = 0;
    for (const std::uint8_t byte : list) {
        tag = tag << 8U | byte;
    }
    return tag;
}

// SP 800-73-4 part 2, 3.1.2.
Decoded<Command> decode_get_data(const CommandApdu& command, const PivConfig& /*config*/) {
    if (const StatusWord status = check_data_parameters(command); !status.ok()) {
        return refused(status);
    }
    const auto objects = apdu::parse_tlvs(command.data());
    if (!objects || objects->size() != 1 || objects->front().tag != tag_list) {
        return refused(sw::incorrect_data);
    }
    const std::optional<apdu::Tag> tag = listed_tag(objects->front().value);
    if (!tag) {
        return refused(sw::incorrect_data);
    }
    return GetData{*tag};
}

/// The code that P2 names. The global passcode is there where the discovery object announces it (SP 800-73-4
/// part 1, 3.3.2); biometrics (96, 97) and the pairing code (98) it never does.
std::optional<ReferenceData> reference_data(std::uint8_t p2, const PivConfig& config) {
    switch (const auto reference = static_cast<ReferenceData>(p2)) {
    case ReferenceData::global_passcode:
        return config.global_passcode ? std::optional{reference} : std::nullopt;
    case ReferenceData::passcode:
    case ReferenceData::unblocking_code:
        return reference;
    }
    return std::nullopt;
}

// SP 800-73-4 part 2, 3.2.1. The unblocking code is never verified by itself.
Decoded<Command> decode_verify(const CommandApdu& command, const PivConfig& config) {
    if (command.p1() != 0x00 && command.p1() != 0xFF) {
        return refused(sw::incorrect_p1_p2);
    }
    const std::optional<ReferenceData> reference = reference_data(command.p2(), config);
    if (!reference || *reference == ReferenceData::unblocking_code) {
        return refused(sw::referenced_data_not_found);
    }
    if (command.p1() == 0xFF) {
        if (command.nc() != 0) {
            return refused(sw::incorrect_data);
        }
        return ForgetPasscode{*reference};
    }
    if (command.nc() == 0) {
        return QueryPasscode{*reference};
    }
    if (command.nc() != ReferenceBlock{}.size()) {
        return refused(sw::incorrect_data);
    }
    return VerifyPasscode{*reference, block_at(command, 0)};
}

// SP 800-73-4 part 2, 3.2.2.
Decoded<Command> decode_change_reference_data(const CommandApdu& command, const PivConfig& config) {
    if (command.p1() != 0x00) {
        return refused(sw::incorrect_p1_p2);
    }
    const std::optional<ReferenceData> reference = reference_data(command.p2(), config);
    if (!reference) {
        return refused(sw::referenced_data_not_found);
    }
    if (command.nc() != 2 * ReferenceBlock{}.size()) {
        return refused(sw::incorrect_data);
    }
    return ChangeReferenceData{*reference, block_at(command, 0), block_at(command, 8)};
}

// SP 800-73-4 part 2, 3.2.3: the global passcode is not the application's to reset.
Decoded<Command> decode_reset_retry_counter(const CommandApdu& command, const PivConfig& /*config*/) {
    if (command.p1() != 0x00) {
        return refused(sw::incorrect_p1_p2);
    }
    if (command.p2() != static_cast<std::uint8_t>(ReferenceData::passcode)) {
        return refused(sw::referenced_data_not_found);
    }
    if (command.nc() != 2 * ReferenceBlock{}.size()) {
        return refused(sw::incorrect_data);
    }
    return ResetRetryCounter{block_at(command, 0), block_at(command, 8)};
}

/// The elements of a 7C template: an empty one requests, another one brings its value.
struct TemplateElements {
    std::optional<ByteView> witness;
    std::optional<ByteView> challenge;
    std::optional<ByteView> response;
    std::optional<ByteView> exponentiation;

    [[nodiscard]] std::optional<ByteView>* element(apdu::Tag tag) {
        switch (tag) {
        case 0x80:
            return &witness;
        case 0x81:
            return &challenge;
        case 0x82:
            return &response;
        case 0x85:
            return &exponentiation;
        default:
            return nullptr;
        }
    }
};

Decoded<TemplateElements> read_elements(ByteView data) {
    const auto outer = apdu::parse_tlvs(data);
    if (!outer || outer->size() != 1 || outer->front().tag != 0x7C) {
        return refused(sw::incorrect_data);
    }
    const auto inner = apdu::parse_tlvs(outer->front().value);
    if (!inner) {
        return refused(sw::incorrect_data);
    }
    TemplateElements elements;
    for (const apdu::TlvView& object : *inner) {
        std::optional<ByteView>* const element = elements.element(object.tag);
        if (element == nullptr || element->has_value()) {
            return refused(sw::incorrect_data);
        }
        *element = object.value;
    }
    return elements;
}

bool requested(const std::optional<ByteView>& element) {
    return element && element->empty();
}

bool given(const std::optional<ByteView>& element) {
    return element && !element->empty();
}

Bytes bytes_of(const std::optional<ByteView>& element) {
    return {element->begin(), element->end()};
}

// SP 800-73-4 part 2, 3.2.4 and appendix A: which elements together mean which authentication. Their order is
// free: hosts differ in it.
Decoded<AuthenticationTemplate> decode_template(ByteView data) {
    const auto read = read_elements(data);
    if (!read) {
        return refused(read.error());
    }
    const TemplateElements& e = *read;
    if (e.exponentiation) {
        if (given(e.exponentiation) && requested(e.response) && !e.witness && !e.challenge) {
            return AgreeOnSecret{bytes_of(e.exponentiation)};
        }
        return refused(sw::incorrect_data);
    }
    if (e.witness) {
        if (requested(e.witness) && !e.challenge && !e.response) {
            return RequestWitness{};
        }
        if (given(e.witness) && given(e.challenge) && (!e.response || requested(e.response))) {
            return AnswerWitness{bytes_of(e.witness), bytes_of(e.challenge)};
        }
        return refused(sw::incorrect_data);
    }
    if (requested(e.challenge) && !e.response) {
        return RequestChallenge{};
    }
    if (given(e.challenge) && requested(e.response)) {
        return UseKey{bytes_of(e.challenge)};
    }
    if (given(e.response) && !e.challenge) {
        return AnswerChallenge{bytes_of(e.response)};
    }
    return refused(sw::incorrect_data);
}

/// P1 of GENERAL AUTHENTICATE with the management key.
Decoded<std::optional<Algorithm>> decode_symmetric_algorithm(std::uint8_t p1) {
    // Deviates: SP 800-78-4, table 6-2 has 00 as another name of three-key triple DES, because ISO/IEC
    // 7816-4, 7.5.5 has it as "the key tells", and hosts that ask for a challenge with it mean that. Of a
    // triple DES key both are the same.
    if (p1 == 0x00) {
        return std::optional<Algorithm>{};
    }
    const std::optional<Algorithm> algorithm = algorithm_from_id(p1);
    if (!algorithm || !is_symmetric(*algorithm)) {
        return refused(sw::incorrect_p1_p2);
    }
    return algorithm;
}

Decoded<Command> decode_general_authenticate(const CommandApdu& command, const PivConfig& /*config*/) {
    if (command.p2() == management_key) {
        // Not refused here: a failed authentication has to be told to whoever keeps its state.
        return GeneralAuthenticate{decode_symmetric_algorithm(command.p1()), command.p2(),
                                   decode_template(command.data())};
    }
    // Key 04 is that of secure messaging, which the card does not have (SP 800-73-4 part 2, 4).
    const std::optional<Algorithm> algorithm = algorithm_from_id(command.p1());
    if (!certificate_tag(command.p2()) || !algorithm || is_symmetric(*algorithm)) {
        return refused(sw::incorrect_p1_p2);
    }
    return GeneralAuthenticate{algorithm, command.p2(), decode_template(command.data())};
}

Decoded<PutData::Content> decode_content(ByteView data) {
    const auto head = read_put_data_head(data);
    if (!head) {
        return refused(head.error());
    }
    if (!*head || data.size() - (*head)->size != (*head)->length) {
        return refused(sw::incorrect_data);
    }
    const ByteView value = data.subspan((*head)->size);
    return PutData::Content{(*head)->tag, Bytes(value.begin(), value.end())};
}

Decoded<Command> decode_put_data(const CommandApdu& command, const PivConfig& /*config*/) {
    if (const StatusWord status = check_data_parameters(command); !status.ok()) {
        return refused(status);
    }
    return PutData{decode_content(command.data())};
}

std::optional<std::uint8_t> single_byte(const std::optional<ByteView>& value) {
    if (!value || value->size() != 1) {
        return std::nullopt;
    }
    return value->front();
}

/// What an element of the AC template may be; an absent one is fine.
bool policy_within(const std::optional<ByteView>& value, std::uint8_t highest) {
    const std::optional<std::uint8_t> policy = single_byte(value);
    return !value || (policy && *policy <= highest);
}

} // namespace

// A card without a button can only promise not to ask for a touch.
Decoded<std::uint8_t> key_policies(const std::vector<apdu::TlvView>& elements) {
    const auto passcode_policy = apdu::find_tlv(elements, 0xAA);
    if (!policy_within(passcode_policy, 3) || !policy_within(apdu::find_tlv(elements, 0xAB), 1)) {
        return refused(sw::incorrect_data);
    }
    return single_byte(passcode_policy).value_or(0);
}

namespace {

/// Elements of the AC template: none that the card does not know, and none twice.
// SP 800-73-4 part 2, 3.3.2 has the mechanism (80) and the exponent (81) alone. The extensions add the
// passcode policy (AA) and the touch policy (AB).
bool only_known_once(const std::vector<apdu::TlvView>& elements, const PivConfig& config) {
    return std::ranges::all_of(elements, [&](const apdu::TlvView& object) {
        const bool standard = object.tag == 0x80 || object.tag == 0x81;
        const bool extension = config.yubico && (object.tag == 0xAA || object.tag == 0xAB);
        return (standard || extension) && std::ranges::count(elements, object.tag, &apdu::TlvView::tag) == 1;
    });
}

// SP 800-73-4 part 2, 3.3.2: the mechanism (80), and for RSA perhaps the exponent (81).
Decoded<GenerateKeyPair::Parameters> decode_parameters(ByteView data, const PivConfig& config) {
    const auto outer = apdu::parse_tlvs(data);
    if (!outer || outer->size() != 1 || outer->front().tag != 0xAC) {
        return refused(sw::incorrect_data);
    }
    const auto inner = apdu::parse_tlvs(outer->front().value);
    if (!inner || !only_known_once(*inner, config)) {
        return refused(sw::incorrect_data);
    }
    const std::optional<std::uint8_t> mechanism = single_byte(apdu::find_tlv(*inner, 0x80));
    const std::optional<Algorithm> algorithm =
        mechanism ? algorithm_from_id(*mechanism) : std::optional<Algorithm>{};
    if (!algorithm || is_symmetric(*algorithm)) {
        return refused(sw::incorrect_data);
    }
    // SP 800-78-4, table 3-1: 65537 is the one exponent.
    static constexpr std::array<std::uint8_t, 3> only_exponent{0x01, 0x00, 0x01};
    const auto exponent = apdu::find_tlv(*inner, 0x81);
    if (exponent && (!is_rsa(*algorithm) || !std::ranges::equal(*exponent, only_exponent))) {
        return refused(sw::incorrect_data);
    }
    const Decoded<std::uint8_t> passcode_policy = key_policies(*inner);
    if (!passcode_policy) {
        return refused(passcode_policy.error());
    }
    return GenerateKeyPair::Parameters{*algorithm, *passcode_policy};
}

Decoded<Command> decode_generate_key_pair(const CommandApdu& command, const PivConfig& config) {
    // Whether the card has an attestation key is told by those who know the card.
    if (command.p1() != 0x00 || !slot_certificate_tag(command.p2())) {
        return refused(sw::incorrect_p1_p2);
    }
    return GenerateKeyPair{command.p2(), decode_parameters(command.data(), config)};
}

using Decode = Decoded<Command> (*)(const CommandApdu&, const PivConfig&);

/// SELECT and GET RESPONSE come here only where the card could not read them as its own.
Decoded<Command> refuse_parameters(const CommandApdu&, const PivConfig&) {
    return refused(sw::incorrect_p1_p2);
}

Decode decoder_for(std::uint8_t instruction) {
    switch (instruction) {
    case ins::get_data:
        return decode_get_data;
    case ins::verify:
        return decode_verify;
    case ins::change_reference_data:
        return decode_change_reference_data;
    case ins::reset_retry_counter:
        return decode_reset_retry_counter;
    case ins::general_authenticate:
        return decode_general_authenticate;
    case ins::put_data:
        return decode_put_data;
    case ins::generate_key_pair:
        return decode_generate_key_pair;
    case ins::select:
    case ins::get_response:
        return refuse_parameters;
    default:
        return nullptr;
    }
}

} // namespace

StatusWord check_data_parameters(const CommandApdu& command) {
    return command.p1() == 0x3F && command.p2() == 0xFF ? sw::success : sw::incorrect_p1_p2;
}

// SP 800-73-4 part 2, 3.3.1: 5C and 53, but the discovery object and the biometric group template
// as they are.
Decoded<std::optional<PutDataHead>> read_put_data_head(ByteView data) {
    const auto first = header_so_far(data);
    if (!first || !*first) {
        return first.map([](const auto&) { return std::optional<PutDataHead>{}; });
    }
    const apdu::TlvHeader outer = **first;
    if (stands_alone(outer.tag)) {
        return PutDataHead{outer.tag, outer.length, outer.size};
    }
    if (outer.tag != tag_list || outer.length == 0 || outer.length > longest_tag) {
        return refused(sw::incorrect_data);
    }
    const std::size_t list_end = outer.size + outer.length;
    if (data.size() < list_end) {
        return std::optional<PutDataHead>{};
    }
    const std::optional<apdu::Tag> tag = listed_tag(data.subspan(outer.size, outer.length));
    const auto second = header_so_far(data.subspan(list_end));
    if (!tag || stands_alone(*tag) || !second || (*second && (*second)->tag != data_object_value)) {
        return refused(sw::incorrect_data);
    }
    if (!*second) {
        return std::optional<PutDataHead>{};
    }
    return PutDataHead{*tag, (*second)->length, list_end + (*second)->size};
}

std::optional<StatusWord> class_refusal(const CommandApdu& command) {
    const auto without_chaining = static_cast<std::uint8_t>(command.cla() & ~chained_class);
    if (without_chaining == secure_messaging_bits) {
        return sw::secure_messaging_not_supported;
    }
    if (without_chaining != 0x00) {
        return sw::class_not_supported;
    }
    return std::nullopt;
}

Decoded<Command> decode(const CommandApdu& command, const PivConfig& config) {
    if (const auto refusal = class_refusal(command)) {
        return refused(*refusal);
    }
    const Decode decode_instruction = decoder_for(command.ins());
    if (decode_instruction == nullptr) {
        return refused(sw::instruction_not_supported);
    }
    if (command.chained()) {
        return refused(sw::command_chaining_not_supported);
    }
    return decode_instruction(command, config);
}

void refuse_data(Command& command, StatusWord refusal) {
    if (auto* const put = std::get_if<PutData>(&command)) {
        put->content = refused(refusal);
    } else if (auto* const generate = std::get_if<GenerateKeyPair>(&command)) {
        generate->parameters = refused(refusal);
    } else if (auto* const authenticate = std::get_if<GeneralAuthenticate>(&command)) {
        authenticate->data = refused(refusal);
    }
}

// SP 800-73-4 part 2, 2.4.2: a command that breaks into a chain is served. The limit holds for extended
// length, too: an object that one form cannot write, the other cannot either.
std::optional<ChainPolicy> chain_policy(std::uint8_t instruction, const PivConfig& config) {
    switch (instruction) {
    case ins::put_data:
        return ChainPolicy{config.longest_object, sw::not_enough_memory, std::nullopt,
                           config.put_data == PutDataMode::streamed};
    case ins::general_authenticate:
    case ins::generate_key_pair:
        return ChainPolicy{longest_template, sw::not_enough_memory, std::nullopt, false};
    default:
        return std::nullopt;
    }
}

} // namespace cardrig::emulator::piv
