#include "apdu/decoder.h"

#include "apdu/ber_tlv.h"
#include "apdu/instructions.h"
#include "apdu/piv_application_id.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

constexpr std::uint8_t chaining_bit = 0x10;
constexpr std::uint8_t management_key = 0x9B;
constexpr std::uint8_t secure_messaging_key = 0x04;
/// Every tag that tells a command's meaning lies within so many bytes of its data.
constexpr std::size_t head_size = 64;

bool selects_by_aid(const CommandApdu& command) {
    return command.cla() == 0x00 && command.ins() == ins::select && command.p1() == 0x04;
}

/// A data object of which perhaps only the front has arrived.
struct Partial {
    Tag tag;
    std::uint32_t length;
    ByteView value;
};

/// Like take_tlv, but content with a value that is cut off.
std::optional<Partial> take_partial(ByteView& bytes) {
    const Result<TlvHeader> header = read_tlv_header(bytes);
    if (!header) {
        return std::nullopt;
    }
    const ByteView rest = bytes.subspan(header->size);
    const ByteView value = rest.first(std::min<std::size_t>(rest.size(), header->length));
    bytes = rest.subspan(value.size());
    return Partial{header->tag, header->length, value};
}

std::string tag_words(Tag tag) {
    const auto name = piv_object_name(tag);
    return name ? std::string(*name) : fmt::format("{:02X}", tag);
}

std::string reference_words(std::uint8_t reference) {
    switch (reference) {
    case 0x00:
        return "global-passcode";
    case 0x80:
        return "passcode";
    case 0x81:
        return "unblocking-code";
    default:
        return fmt::format("{:02X}", reference);
    }
}

/// May hold a code, or the management key (kept in the printed information by some hosts).
bool is_secret_object(std::string_view object) {
    return object == "printed-information" || object == "pairing-code";
}

/// SP 800-73-4 part 2, 3.1.2 and 3.3.1: a tag list (5C) names the object; PUT DATA gives the discovery object
/// and the biometric templates as they are.
void decode_data_object(ByteView head, bool is_put, DecodedCommand& decoded) {
    std::optional<Partial> object = take_partial(head);
    if (!object) {
        return;
    }
    if (object->tag == 0x5C) {
        const ByteView list = object->value;
        if (list.empty() || list.size() > 3 || list.size() < object->length || list.front() == 0x00) {
            return; // not there as a whole, or no tag: so nobody knows what follows
        }
        Tag tag = 0;
        for (const std::uint8_t byte : object->value) {
            tag = tag << 8U | byte;
        }
        decoded.object = tag_words(tag);
        object = take_partial(head);
    } else if (is_put && (object->tag == 0x7E || object->tag == 0x7F61)) {
        decoded.object = tag_words(object->tag);
    } else {
        return;
    }
    if (is_put && object && object->length == 0) {
        decoded.detail = "delete";
    }
    const bool secret = is_secret_object(decoded.object);
    decoded.command_secret = is_put && secret;
    decoded.response_secret = !is_put && secret;
}

/// The lengths announced in a dynamic authentication template (7C); none for a tag that is not there.
struct AuthenticationTemplate {
    ByteView input;                              ///< the challenge as far as it has arrived
    std::optional<std::uint32_t> witness;        // 80
    std::optional<std::uint32_t> challenge;      // 81
    std::optional<std::uint32_t> response;       // 82
    std::optional<std::uint32_t> exponentiation; // 85
};

AuthenticationTemplate read_template(ByteView head) {
    AuthenticationTemplate found;
    const std::optional<Partial> outer = take_partial(head);
    if (!outer || outer->tag != 0x7C) {
        return found;
    }
    ByteView inside = outer->value;
    while (const std::optional<Partial> object = take_partial(inside)) {
        switch (object->tag) {
        case 0x80:
            found.witness = object->length;
            break;
        case 0x81:
            found.challenge = object->length;
            found.input = object->value;
            break;
        case 0x82:
            found.response = object->length;
            break;
        case 0x85:
            found.exponentiation = object->length;
            break;
        default:
            break;
        }
    }
    return found;
}

bool is_rsa(std::uint8_t algorithm) {
    return algorithm == 0x05 || algorithm == 0x06 || algorithm == 0x07 || algorithm == 0x16;
}

bool is_key_management_key(std::uint8_t key) {
    return key == 0x9D || (key >= 0x82 && key <= 0x95);
}

/// SP 800-73-4 part 2, 3.2.4: which data objects are there, and which of them are empty (asked for), tells
/// what is done.
std::string_view authentication_words(const AuthenticationTemplate& data, std::uint8_t algorithm,
                                      std::uint8_t key) {
    if (data.exponentiation) {
        return "agree";
    }
    if (data.witness) {
        return *data.witness == 0 ? "authenticate-witness" : "authenticate-response";
    }
    if (data.challenge && *data.challenge == 0) {
        return "authenticate-challenge";
    }
    if (data.challenge && key == management_key) {
        return "authenticate-internal";
    }
    if (data.challenge && key == secure_messaging_key) {
        return "establish-secure-messaging";
    }
    if (data.challenge) {
        return is_rsa(algorithm) && is_key_management_key(key) ? "decipher" : "sign";
    }
    return data.response && *data.response > 0 ? "authenticate-response" : "";
}

/// RFC 8017, 9.2: the encoded message of a PKCS #1 v1.5 signature. While not enough of it is there, it is
/// taken for none.
bool begins_as_signature(ByteView input) {
    static constexpr std::array<std::uint8_t, 3> begin{0x00, 0x01, 0xFF};
    return input.size() >= begin.size() && std::equal(begin.begin(), begin.end(), input.begin());
}

void decode_general_authenticate(const CommandApdu& command, ByteView head, DecodedCommand& decoded) {
    decoded.object = fmt::format("{:02X}", command.p2());
    const AuthenticationTemplate data = read_template(head);
    decoded.detail = authentication_words(data, command.p1(), command.p2());
    const bool private_operation = decoded.detail == "sign" || decoded.detail == "decipher";
    if (decoded.detail == "agree" ||
        (private_operation && is_rsa(command.p1()) && !begins_as_signature(data.input))) {
        decoded.response_secret = true;
    }
}

void decode_verify(const CommandApdu& command, bool has_data, DecodedCommand& decoded) {
    decoded.object = reference_words(command.p2());
    if (!has_data) {
        decoded.object += "-status";
        decoded.detail = command.p1() == 0xFF ? "reset" : "query";
    }
}

void decode_select(const CommandApdu& command, ByteView head, DecodedCommand& decoded) {
    if (command.p1() == 0x04) {
        decoded.object = names_piv_application(head) ? "piv" : to_hex(head);
    } else {
        decoded.object = to_hex(head);
        decoded.detail = "file";
    }
}

/// ISO/IEC 7816-4, 5.5: an instruction and the one that differs from it in the last bit are one command, with
/// its data in two forms.
constexpr std::uint8_t either_form(std::uint8_t instruction) {
    return static_cast<std::uint8_t>(instruction | 0x01U);
}

/// What must not be shown whatever else the command turns out to be, in any class and application.
void mark_secrets(std::uint8_t instruction, std::uint8_t p1, std::uint8_t p2, bool piv_selected,
                  DecodedCommand& decoded) {
    static_assert(either_form(ins::import_key) == ins::set_management_key);
    switch (either_form(instruction)) {
    case either_form(ins::verify):
    case either_form(ins::change_reference_data):
    case either_form(ins::reset_retry_counter):
    case ins::set_management_key:
        decoded.command_secret = true;
        break;
    case either_form(
        ins::general_authenticate): // other applications use other references for their management key
        decoded.command_secret = p2 == management_key || !piv_selected;
        decoded.response_secret = decoded.command_secret;
        break;
    case either_form(ins::put_data):
        // ISO/IEC 7816-4 file systems take private keys by PUT DATA to 3FFF; and of PIV's objects, one that
        // cannot be told may be a secret one.
        decoded.command_secret = p1 == 0x3F && p2 == 0xFF;
        break;
    case either_form(ins::perform_security_operation): // ISO/IEC 7816-8: P1 80 asks for a plain value
        decoded.response_secret = p1 == 0x80;
        break;
    default:
        break;
    }
}

DecodedCommand malformed(ByteView bytes, bool piv_selected) {
    DecodedCommand decoded;
    decoded.name = "malformed";
    if (bytes.size() >= 4) {
        mark_secrets(bytes[1], bytes[2], bytes[3], piv_selected, decoded);
    }
    return decoded;
}

/// The names of what makers of PIV tokens have added; empty for all else.
std::string_view token_command_name(std::uint8_t instruction) {
    switch (instruction) {
    case ins::move_key:
        return "move-key";
    case ins::get_metadata:
        return "get-metadata";
    case ins::get_serial:
        return "get-serial";
    case ins::attest:
        return "attest";
    case ins::set_pin_retries:
        return "set-pin-retries";
    case ins::reset_piv:
        return "reset-piv";
    case ins::get_version:
        return "get-version";
    case ins::import_key:
        return "import-key";
    case ins::set_management_key:
        return "set-management-key";
    default:
        return "";
    }
}

/// The names of what PIV knows; empty for all else.
std::string_view piv_command_name(std::uint8_t instruction) {
    switch (instruction) {
    case ins::verify:
        return "verify";
    case ins::change_reference_data:
        return "change-reference-data";
    case ins::reset_retry_counter:
        return "reset-retry-counter";
    case ins::general_authenticate:
        return "general-authenticate";
    case ins::generate_key_pair:
        return "generate-key-pair";
    case ins::get_data:
        return "get-data";
    case ins::put_data:
        return "put-data";
    default:
        return token_command_name(instruction);
    }
}

/// MOVE KEY to FF takes the key away.
void decode_move_key(const CommandApdu& command, DecodedCommand& decoded) {
    static constexpr std::uint8_t nowhere = 0xFF;
    decoded.object = fmt::format("{:02X}", command.p2());
    if (command.p1() == nowhere) {
        decoded.name = "delete-key";
    } else {
        decoded.detail = fmt::format("to {:02X}", command.p1());
    }
}

void decode_token_command(const CommandApdu& command, DecodedCommand& decoded) {
    switch (command.ins()) {
    case ins::get_metadata:
        decoded.object = reference_words(command.p2());
        break;
    case ins::attest:
        decoded.object = fmt::format("{:02X}", command.p1());
        break;
    case ins::import_key:
        decoded.object = fmt::format("{:02X}", command.p2());
        break;
    case ins::move_key:
        decode_move_key(command, decoded);
        break;
    default:
        break;
    }
}

void decode_piv(const CommandApdu& command, ByteView head, bool has_data, DecodedCommand& decoded) {
    switch (command.ins()) {
    case ins::verify:
        decode_verify(command, has_data, decoded);
        break;
    case ins::change_reference_data:
    case ins::reset_retry_counter:
        decoded.object = reference_words(command.p2());
        break;
    case ins::general_authenticate:
        decode_general_authenticate(command, head, decoded);
        break;
    case ins::generate_key_pair:
        decoded.object = fmt::format("{:02X}", command.p2());
        break;
    case ins::get_data:
    case ins::put_data:
        decode_data_object(head, command.ins() == ins::put_data, decoded);
        break;
    default:
        decode_token_command(command, decoded);
        break;
    }
}

} // namespace

std::string DecodedCommand::text() const {
    std::string words = name;
    if (!object.empty()) {
        words += ' ' + object;
    }
    if (block != 1 || !last_block) {
        words += fmt::format(" block {}", block);
    }
    return words;
}

DecodedCommand Decoder::decode(const CommandApdu& command, ByteView head, bool has_data) const {
    DecodedCommand decoded;
    mark_secrets(command.ins(), command.p1(), command.p2(), piv_selected_, decoded);
    decoded.command_secret = decoded.command_secret && has_data;
    const bool plain_class = (command.cla() & ~static_cast<unsigned>(chaining_bit)) == 0;
    if (plain_class && command.ins() == ins::select) {
        decoded.name = "select";
        decode_select(command, head, decoded);
    } else if (plain_class && command.ins() == ins::get_response) {
        decoded.name = "get-response";
        decoded.response_secret = last_answer_secret_;
    } else if (const std::string_view name = piv_command_name(command.ins());
               plain_class && piv_selected_ && !name.empty()) {
        decoded.name = name;
        decode_piv(command, head, has_data, decoded);
    } else {
        decoded.name = fmt::format("ins-{:02X}", command.ins());
    }
    return decoded;
}

DecodedCommand Decoder::command(ByteView bytes) {
    selecting_piv_.reset();
    const Result<CommandApdu> command = CommandApdu::parse(bytes);
    if (!command) {
        drop_chain();
        DecodedCommand decoded = malformed(bytes, piv_selected_);
        last_answer_secret_ = decoded.response_secret;
        return decoded;
    }
    const auto cla = static_cast<std::uint8_t>(command->cla() & ~static_cast<unsigned>(chaining_bit));
    if (!chain_ || chain_->cla != cla || chain_->ins != command->ins() || chain_->p1 != command->p1() ||
        chain_->p2 != command->p2()) {
        drop_chain();
        chain_ = Chain{cla, command->ins(), command->p1(), command->p2(), 0, false, {}};
    }
    const std::size_t wanted = std::min(command->nc(), head_size - chain_->head.size());
    chain_->head.insert(chain_->head.end(), command->data().begin(),
                        command->data().begin() + static_cast<std::ptrdiff_t>(wanted));
    ++chain_->blocks;

    DecodedCommand decoded = decode(*command, chain_->head, !chain_->head.empty());
    if (is_secret_rest(*chain_)) {
        decoded.command_secret = true;
    }
    chain_->secret = decoded.command_secret;
    decoded.block = chain_->blocks;
    decoded.last_block = !command->chained();
    if (selects_by_aid(*command)) {
        selecting_piv_ = names_piv_application(chain_->head);
    }
    if (decoded.last_block) {
        if (is_secret_rest(*chain_)) {
            secret_rest_.reset();
        }
        chain_.reset();
    }
    last_answer_secret_ = decoded.response_secret;
    return decoded;
}

void Decoder::response(StatusWord status) {
    // ISO/IEC 7816-4, 5.6: 62xx is a warning, the command was carried out.
    const bool carried_out = status.ok() || status.sw1() == 0x62;
    if (selecting_piv_ && carried_out) {
        piv_selected_ = *selecting_piv_;
    }
    selecting_piv_.reset();
    if (!status.ok()) {
        drop_chain();
    }
}

// The host may go on sending what the card takes no more.
void Decoder::drop_chain() {
    if (chain_ && chain_->secret) {
        secret_rest_ = chain_;
    }
    chain_.reset();
}

bool Decoder::is_secret_rest(const Chain& chain) const {
    return secret_rest_ && secret_rest_->ins == chain.ins && secret_rest_->p1 == chain.p1 &&
           secret_rest_->p2 == chain.p2;
}

void Decoder::reset() {
    drop_chain();
    selecting_piv_.reset();
    piv_selected_ = true;
    last_answer_secret_ = false;
}

} // namespace cardrig::apdu
