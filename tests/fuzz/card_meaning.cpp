#include "tests/fuzz/card_meaning.h"

#include "apdu/instructions.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fuzz {

namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace ins = apdu::ins;
using apdu::CommandApdu;

namespace {

constexpr std::size_t code_size = 8;

/// IMPORT KEY takes less than the other commands.
constexpr std::size_t longest_import = 2048;

bool has_key_commands(const emulator::PivConfig& config) {
    return config.yubico && config.yubico->firmware >= std::array<std::uint8_t, 3>{5, 7, 0};
}

bool holds_key_pair(std::uint8_t reference) {
    return (reference >= 0x9A && reference <= 0x9E && reference != 0x9B) ||
           (reference >= 0x82 && reference <= 0x95);
}

Bytes copy(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

/// The value of the only object there, if it has this tag.
std::optional<Bytes> only(ByteView data, apdu::Tag tag) {
    const auto objects = apdu::parse_tlvs(data);
    if (!objects || objects->size() != 1 || objects->front().tag != tag) {
        return std::nullopt;
    }
    return copy(objects->front().value);
}

std::optional<apdu::Tag> tag_of(ByteView list) {
    if (list.empty() || list.size() > 3 || list.front() == 0x00) {
        return std::nullopt;
    }
    apdu::Tag tag = 0;
    for (const std::uint8_t byte : list) {
        tag = tag << 8U | byte;
    }
    return tag;
}

bool means_the_whole_card(const CommandApdu& command) {
    return command.p1() == 0x3F && command.p2() == 0xFF;
}

void read_get_data(const CommandApdu& command, Meaning& meaning) {
    const auto list = only(command.data(), 0x5C);
    meaning.tag = list ? tag_of(*list) : std::nullopt;
    if (means_the_whole_card(command) && meaning.tag) {
        meaning.kind = Kind::get_data;
    }
}

void read_put_data(const CommandApdu& command, Meaning& meaning) {
    if (!means_the_whole_card(command)) {
        return;
    }
    meaning.kind = Kind::put_data;
    const auto objects = apdu::parse_tlvs(command.data());
    if (!objects) {
        return;
    }
    if (objects->size() == 1 && (objects->front().tag == 0x7E || objects->front().tag == 0x7F61)) {
        meaning.tag = objects->front().tag;
        meaning.value = copy(objects->front().value);
    } else if (objects->size() == 2 && objects->front().tag == 0x5C && objects->back().tag == 0x53) {
        meaning.tag = tag_of(objects->front().value);
        meaning.value = copy(objects->back().value);
    }
}

/// The application's own, or the card's where there is one.
bool is_passcode(const emulator::PivConfig& config, std::uint8_t reference) {
    return reference == 0x80 || (reference == 0x00 && config.global_passcode);
}

void read_verify(const emulator::PivConfig& config, const CommandApdu& command, Meaning& meaning) {
    meaning.reference = command.p2();
    if (!is_passcode(config, command.p2())) {
        return;
    }
    if (command.p1() == 0x00 && command.nc() == 0) {
        meaning.kind = Kind::query;
    } else if (command.p1() == 0xFF && command.nc() == 0) {
        meaning.kind = Kind::forget;
    } else if (command.p1() == 0x00 && command.nc() == code_size) {
        meaning.kind = Kind::verify;
        meaning.shown = command.data();
    }
}

/// CHANGE REFERENCE DATA and RESET RETRY COUNTER.
void read_two_codes(Kind kind, bool known, const CommandApdu& command, Meaning& meaning) {
    meaning.reference = command.p2();
    if (command.p1() == 0x00 && known && command.nc() == 2 * code_size) {
        const ByteView data = command.data();
        meaning.kind = kind;
        meaning.shown = copy(data.first(code_size));
        meaning.replacement = copy(data.subspan(code_size));
    }
}

void read_generate(const emulator::PivConfig& config, const CommandApdu& command, Meaning& meaning) {
    meaning.reference = command.p2();
    const bool attests = config.yubico && command.p2() == 0xF9;
    if (command.p1() != 0x00 || (!holds_key_pair(command.p2()) && !attests)) {
        return;
    }
    meaning.kind = Kind::generate;
    const auto parameters = only(command.data(), 0xAC);
    const auto inner = parameters ? apdu::parse_tlvs(*parameters)
                                  : apdu::Result<std::vector<apdu::TlvView>>(std::vector<apdu::TlvView>());
    const auto policy = inner ? apdu::find_tlv(*inner, 0xAA) : std::nullopt;
    meaning.policy = policy && policy->size() == 1 ? policy->front() : std::uint8_t{0};
    meaning.value = command.data();
}

/// False where an element is unknown or comes twice.
bool read_elements(ByteView data, Meaning& meaning) {
    const auto inner_bytes = only(data, 0x7C);
    const auto inner = inner_bytes ? apdu::parse_tlvs(*inner_bytes)
                                   : apdu::Result<std::vector<apdu::TlvView>>(std::vector<apdu::TlvView>());
    if (!inner_bytes || !inner) {
        return false;
    }
    for (const apdu::TlvView& object : *inner) {
        std::optional<Bytes>* const element = object.tag == 0x80   ? &meaning.witness
                                              : object.tag == 0x81 ? &meaning.challenge
                                              : object.tag == 0x82 ? &meaning.response
                                              : object.tag == 0x85 ? &meaning.point
                                                                   : nullptr;
        if (element == nullptr || element->has_value()) {
            return false;
        }
        *element = copy(object.value);
    }
    return true;
}

bool asked(const std::optional<Bytes>& element) {
    return element && element->empty();
}

bool given(const std::optional<Bytes>& element) {
    return element && !element->empty();
}

// SP 800-73-4 part 2, appendix A.
Kind kind_with_management_key(const Meaning& m) {
    if (m.point) {
        return Kind::other_9b;
    }
    if ((asked(m.witness) && !m.challenge && !m.response) ||
        (asked(m.challenge) && !m.witness && !m.response)) {
        return Kind::ask_host;
    }
    if ((given(m.response) && !m.witness && !m.challenge) ||
        (given(m.witness) && given(m.challenge) && !given(m.response))) {
        return Kind::prove_host;
    }
    return given(m.challenge) && asked(m.response) && !m.witness ? Kind::use_key : Kind::other_9b;
}

void read_general_authenticate(const CommandApdu& command, Meaning& meaning) {
    meaning.algorithm = command.p1();
    meaning.reference = command.p2();
    const bool whole = read_elements(command.data(), meaning);
    if (command.p2() == 0x9B) {
        meaning.kind = whole ? kind_with_management_key(meaning) : Kind::other_9b;
    } else if (whole && holds_key_pair(command.p2())) {
        meaning.kind = Kind::use_key;
    }
}

void read_select(const CommandApdu& command, Meaning& meaning) {
    if (command.p1() == 0x04) {
        meaning.kind = Kind::select;
        meaning.value = command.data();
    }
}

/// What tokens have beyond the standard.
void read_extension(const emulator::PivConfig& config, const CommandApdu& command, Meaning& meaning) {
    const bool bare = command.nc() == 0;
    meaning.algorithm = command.p1();
    meaning.reference = command.p2();
    meaning.value = command.data();
    switch (command.ins()) {
    case ins::get_version:
    case ins::get_serial:
    case ins::get_metadata:
    case ins::attest:
        meaning.kind = Kind::inform;
        return;
    case ins::import_key: {
        const auto elements = apdu::parse_tlvs(command.data());
        const auto policy = elements ? apdu::find_tlv(*elements, 0xAA) : std::nullopt;
        meaning.policy = policy && policy->size() == 1 ? policy->front() : std::uint8_t{0};
        meaning.kind = Kind::import_key;
        return;
    }
    case ins::set_pin_retries:
        meaning.kind = bare ? Kind::set_tries : Kind::refused;
        return;
    case ins::set_management_key:
        meaning.kind =
            command.p1() == 0xFF && command.p2() >= 0xFE ? Kind::set_management_key : Kind::refused;
        return;
    case ins::reset_piv:
        meaning.kind = bare && command.p1() == 0 && command.p2() == 0 ? Kind::reset_token : Kind::refused;
        return;
    case ins::move_key:
        meaning.kind = bare && has_key_commands(config) ? Kind::move_key : Kind::refused;
        return;
    default:
        return;
    }
}

void read_whole(const emulator::PivConfig& config, const CommandApdu& command, Meaning& meaning) {
    const std::uint8_t p2 = command.p2();
    switch (command.ins()) {
    case ins::select:
        return read_select(command, meaning);
    case ins::get_data:
        return read_get_data(command, meaning);
    case ins::put_data:
        return read_put_data(command, meaning);
    case ins::verify:
        return read_verify(config, command, meaning);
    case ins::change_reference_data:
        return read_two_codes(Kind::change, is_passcode(config, p2) || p2 == 0x81, command, meaning);
    case ins::reset_retry_counter:
        return read_two_codes(Kind::unblock, p2 == 0x80, command, meaning);
    case ins::generate_key_pair:
        return read_generate(config, command, meaning);
    case ins::general_authenticate:
        return read_general_authenticate(command, meaning);
    default:
        if (config.yubico) {
            read_extension(config, command, meaning);
        }
        return;
    }
}

/// What the first blocks of PUT DATA tell of it.
std::optional<apdu::Tag> tag_so_far(ByteView data) {
    auto header = apdu::read_tlv_header(data);
    if (!header) {
        return std::nullopt;
    }
    if (header->tag == 0x7E || header->tag == 0x7F61) {
        return header->tag;
    }
    const bool whole = data.size() >= header->size + header->length;
    return header->tag == 0x5C && whole ? tag_of(data.subspan(header->size, header->length)) : std::nullopt;
}

} // namespace

bool Reader::may_come_in_blocks(std::uint8_t instruction) const {
    return instruction == ins::general_authenticate || instruction == ins::put_data ||
           instruction == ins::generate_key_pair || (config_.yubico && instruction == ins::import_key);
}

Meaning Reader::read(ByteView bytes) {
    Meaning meaning;
    const auto command = CommandApdu::parse(bytes);
    // SP 800-73-4 part 2, 2.4.2: whatever is not the next block ends a chain.
    auto chain = std::exchange(chain_, std::nullopt);
    if (!command) {
        meaning.kind = Kind::malformed;
        return meaning;
    }
    meaning.ne = command->ne();
    meaning.instruction = command->ins();
    const bool plain = command->cla() == 0x00;
    if (plain && command->ins() == ins::get_response) {
        const bool right = command->p1() == 0x00 && command->p2() == 0x00 && command->nc() == 0;
        meaning.kind = right ? Kind::get_response : Kind::refused;
        return meaning;
    }
    if (!plain && !(command->cla() == 0x10 && may_come_in_blocks(command->ins()))) {
        return meaning;
    }
    const bool continues =
        chain && chain->ins == command->ins() && chain->p1 == command->p1() && chain->p2 == command->p2();
    Bytes data = continues ? std::move(chain->data) : Bytes{};
    data.insert(data.end(), command->data().begin(), command->data().end());
    const std::size_t most = command->ins() == ins::import_key ? longest_import : config_.longest_object;
    if (may_come_in_blocks(command->ins()) && data.size() > most) {
        meaning.kind = Kind::too_long;
        meaning.reference = command->p2();
        return meaning;
    }
    if (!plain) {
        if (command->ins() == ins::put_data) {
            meaning.tag = tag_so_far(data);
        }
        chain_ = Chain{command->ins(), command->p1(), command->p2(), std::move(data)};
        meaning.kind = Kind::block;
        return meaning;
    }
    read_whole(config_,
               CommandApdu(0x00, command->ins(), command->p1(), command->p2(), std::move(data), command->ne(),
                           command->extended()),
               meaning);
    return meaning;
}

} // namespace fuzz
