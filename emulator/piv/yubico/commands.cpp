#include "emulator/piv/yubico/commands.h"

#include "apdu/instructions.h"

#include <algorithm>
#include <array>

namespace cardrig::emulator::piv::yubico {

namespace {

using apdu::CommandApdu;
namespace ins = apdu::ins;
namespace sw = apdu::sw;

using Firmware = std::array<std::uint8_t, 3>;

/// Each key part is half a modulus of 4096 bits at most.
constexpr std::size_t longest_data = 2'048;

/// What a counter can count, and 63Cx can tell.

tl::unexpected<StatusWord> refused(StatusWord status) {
    return tl::make_unexpected(status);
}

struct Instruction {
    std::uint8_t code;
    Firmware since;
};

constexpr std::array instructions{
    Instruction{ins::get_version, {0, 0, 0}},        Instruction{ins::get_serial, {5, 0, 0}},
    Instruction{ins::get_metadata, {5, 3, 0}},       Instruction{ins::attest, {4, 3, 0}},
    Instruction{ins::import_key, {0, 0, 0}},         Instruction{ins::set_pin_retries, {0, 0, 0}},
    Instruction{ins::set_management_key, {0, 0, 0}}, Instruction{ins::reset_piv, {0, 0, 0}},
    Instruction{ins::move_key, {5, 7, 0}},
};

/// A command of neither parameters nor data.
template <class Meaning>
Decoded<Command> decode_bare(const PivConfig& /*config*/, const CommandApdu& command) {
    if (command.p1() != 0x00 || command.p2() != 0x00) {
        return refused(sw::incorrect_p1_p2);
    }
    if (command.nc() != 0) {
        return refused(sw::wrong_length);
    }
    return Meaning{};
}

bool has_metadata(std::uint8_t reference) {
    return reference == static_cast<std::uint8_t>(ReferenceData::passcode) ||
           reference == static_cast<std::uint8_t>(ReferenceData::unblocking_code) ||
           reference == management_key || slot_certificate_tag(reference);
}

Decoded<Command> decode_get_metadata(const PivConfig& /*config*/, const CommandApdu& command) {
    if (command.p1() != 0x00) {
        return refused(sw::incorrect_p1_p2);
    }
    if (!has_metadata(command.p2())) {
        return refused(sw::referenced_data_not_found);
    }
    if (command.nc() != 0) {
        return refused(sw::wrong_length);
    }
    return GetMetadata{command.p2()};
}

Decoded<Command> decode_attest(const PivConfig& /*config*/, const CommandApdu& command) {
    if (command.p2() != 0x00 || !certificate_tag(command.p1())) {
        return refused(sw::incorrect_p1_p2);
    }
    if (command.nc() != 0) {
        return refused(sw::wrong_length);
    }
    return Attest{command.p1()};
}

/// Each of these once, the policies perhaps, and nothing else.
bool holds(const std::vector<apdu::TlvView>& elements, apdu::Tag first, apdu::Tag last) {
    const auto count = [&](apdu::Tag tag) { return std::ranges::count(elements, tag, &apdu::TlvView::tag); };
    for (apdu::Tag tag = first; tag <= last; ++tag) {
        if (count(tag) != 1) {
            return false;
        }
    }
    const auto policies = count(0xAA) + count(0xAB);
    return count(0xAA) <= 1 && count(0xAB) <= 1 &&
           static_cast<std::size_t>(policies) + (last - first + 1) == elements.size();
}

Bytes bytes_of(const std::vector<apdu::TlvView>& elements, apdu::Tag tag) {
    const ByteView value = apdu::find_tlv(elements, tag).value();
    return {value.begin(), value.end()};
}

Decoded<std::variant<RsaParts, Bytes>> read_key(const std::vector<apdu::TlvView>& elements,
                                                Algorithm algorithm) {
    const std::size_t size = field_size(algorithm);
    if (is_elliptic(algorithm)) {
        if (!holds(elements, 0x06, 0x06) || apdu::find_tlv(elements, 0x06)->size() != size) {
            return refused(sw::incorrect_data);
        }
        return bytes_of(elements, 0x06);
    }
    if (!holds(elements, 0x01, 0x05)) {
        return refused(sw::incorrect_data);
    }
    const bool too_long = std::ranges::any_of(elements, [size](const apdu::TlvView& each) {
        return each.tag <= 0x05 && each.value.size() > size / 2;
    });
    if (too_long) {
        return refused(sw::incorrect_data);
    }
    return RsaParts{bytes_of(elements, 0x01), bytes_of(elements, 0x02), bytes_of(elements, 0x03),
                    bytes_of(elements, 0x04), bytes_of(elements, 0x05)};
}

Decoded<ImportKey::Parameters> read_import(ByteView data, Algorithm algorithm) {
    const auto elements = apdu::parse_tlvs(data);
    if (!elements) {
        return refused(sw::incorrect_data);
    }
    const Decoded<std::uint8_t> passcode_policy = key_policies(*elements);
    if (!passcode_policy) {
        return refused(passcode_policy.error());
    }
    auto key = read_key(*elements, algorithm);
    if (!key) {
        return refused(key.error());
    }
    return ImportKey::Parameters{std::move(*key), *passcode_policy};
}

Decoded<Command> decode_import_key(const PivConfig& config, const CommandApdu& command) {
    const std::optional<Algorithm> algorithm = algorithm_from_id(command.p1());
    if (!algorithm || std::ranges::find(config.algorithms, *algorithm) == config.algorithms.end() ||
        !slot_certificate_tag(command.p2())) {
        return refused(sw::incorrect_p1_p2);
    }
    return ImportKey{command.p2(), *algorithm, read_import(command.data(), *algorithm)};
}

Decoded<Command> decode_set_pin_retries(const PivConfig& /*config*/, const CommandApdu& command) {
    if (command.nc() != 0) {
        return refused(sw::wrong_length);
    }
    const auto possible = [](std::uint8_t tries) { return tries >= 1 && tries <= most_tries; };
    if (!possible(command.p1()) || !possible(command.p2())) {
        return SetPinRetries{refused(sw::incorrect_data)};
    }
    return SetPinRetries{RetryLimits{command.p1(), command.p2()}};
}

bool offers_management_algorithm(const PivConfig& config, Algorithm algorithm) {
    static constexpr Firmware since_aes{5, 4, 0};
    return algorithm == Algorithm::triple_des || config.yubico->firmware >= since_aes;
}

Decoded<SetManagementKey::Parameters> read_management_key(const PivConfig& config, ByteView data) {
    static constexpr std::size_t header_size = 3; // algorithm, 9B, length
    const std::optional<Algorithm> algorithm = algorithm_from_id(data[0]);
    if (!algorithm || !is_symmetric(*algorithm) || !offers_management_algorithm(config, *algorithm)) {
        return refused(sw::incorrect_data);
    }
    const ByteView key = data.subspan(header_size);
    if (data[1] != management_key || data[2] != key.size() || key.size() != key_size(*algorithm)) {
        return refused(sw::incorrect_data);
    }
    return SetManagementKey::Parameters{*algorithm, Bytes(key.begin(), key.end())};
}

Decoded<Command> decode_set_management_key(const PivConfig& config, const CommandApdu& command) {
    static constexpr std::uint8_t without_touch = 0xFF;
    static constexpr std::uint8_t with_touch = 0xFE;
    if (command.p1() != 0xFF || (command.p2() != without_touch && command.p2() != with_touch)) {
        return refused(sw::incorrect_p1_p2);
    }
    if (command.nc() < 4) {
        return refused(sw::wrong_length);
    }
    return SetManagementKey{command.p2() == with_touch, read_management_key(config, command.data())};
}

// Only what P1-P2 say matters, and it is answered as data: so the maker's tools know it.
Decoded<Command> decode_move_key(const PivConfig& /*config*/, const CommandApdu& command) {
    static constexpr std::uint8_t nowhere = 0xFF;
    const KeyReference to = command.p1();
    const KeyReference from = command.p2();
    if (to == nowhere ? !slot_certificate_tag(from) : !certificate_tag(from) || !certificate_tag(to)) {
        return refused(sw::incorrect_data);
    }
    if (command.nc() != 0) {
        return refused(sw::wrong_length);
    }
    if (to == nowhere) {
        return DeleteKey{from};
    }
    return MoveKey{from, to};
}

using Decode = Decoded<Command> (*)(const PivConfig&, const CommandApdu&);

Decode decoder_for(std::uint8_t instruction) {
    switch (instruction) {
    case ins::get_version:
        return decode_bare<GetVersion>;
    case ins::get_serial:
        return decode_bare<GetSerial>;
    case ins::get_metadata:
        return decode_get_metadata;
    case ins::attest:
        return decode_attest;
    case ins::import_key:
        return decode_import_key;
    case ins::set_pin_retries:
        return decode_set_pin_retries;
    case ins::set_management_key:
        return decode_set_management_key;
    case ins::reset_piv:
        return decode_bare<ResetPiv>;
    case ins::move_key:
        return decode_move_key;
    default:
        return nullptr;
    }
}

} // namespace

bool has_command(const PivConfig& config, std::uint8_t instruction) {
    if (!config.yubico) {
        return false;
    }
    const auto* const found = std::ranges::find(instructions, instruction, &Instruction::code);
    return found != instructions.end() && config.yubico->firmware >= found->since;
}

Decoded<Command> decode(const PivConfig& config, const CommandApdu& command) {
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
    return decode_instruction(config, command);
}

std::optional<ChainPolicy> chain_policy(std::uint8_t instruction) {
    if (instruction != ins::import_key) {
        return std::nullopt;
    }
    return ChainPolicy{longest_data, sw::wrong_length, std::nullopt};
}

} // namespace cardrig::emulator::piv::yubico
