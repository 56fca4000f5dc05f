#include "tests/emulator/piv_cut_operations.h"

#include "emulator/piv/piv_memory.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::tests {

namespace {

constexpr std::string_view wrong_unblocking_code = "99999999";

void nothing(CardSession& /*card*/) {}

void lose_one_unblocking_try(CardSession& card) {
    require_status(card.status(unblock_command(wrong_unblocking_code)), 0x63C2);
}

void lose_one_try_of_both(CardSession& card) {
    lose_one_try(card);
    lose_one_unblocking_try(card);
}

std::string verify_global(std::string_view code) {
    return "0020000008" + block(code);
}

void lose_one_global_try(CardSession& card) {
    require_status(card.status(verify_global(wrong_passcode)), 0x63C3);
}

void block_passcode(CardSession& card) {
    for (std::uint8_t spent = 0; spent < all_tries; ++spent) {
        (void)card.verify(wrong_passcode);
    }
    require_status(card.status("00200080"), 0x6983);
}

void authenticate(CardSession& card) {
    lose_one_try(card);
    require_status(card.authenticate(), 0x9000);
}

/// One command and what it is answered.
CardStep answered(std::string command, std::uint16_t expected) {
    return [=](CardSession& card) { require_status(card.status(command), expected); };
}

CardStep put(apdu::Tag tag, Bytes content) {
    return [=](CardSession& card) { require_status(card.put_data(tag, content), 0x9000); };
}

std::string change(std::string_view reference, std::string_view from, std::string_view to) {
    return fmt::format("002400{}10{}{}", reference, block(from), block(to));
}

std::vector<Operation> passcode_operations() {
    return {
        {"wrong try", Shown::spent, Shown::nothing, false, nothing, lose_one_try},
        {"right try", Shown::right, Shown::nothing, false, lose_one_try,
         [](CardSession& card) { require_status(card.verify(old_passcode), 0x9000); }},
        {"passcode change", Shown::right, Shown::nothing, false, lose_one_try,
         answered(change("80", old_passcode, new_passcode), 0x9000)},
        {"passcode change with a wrong one", Shown::spent, Shown::nothing, false, lose_one_try,
         answered(change("80", wrong_passcode, new_passcode), 0x63C1)},
        {"passcode change to one that breaks the rules", Shown::spent, Shown::nothing, false, lose_one_try,
         answered(change("80", old_passcode, "12"), 0x6A80)},
        {"unblocking-code change", Shown::nothing, Shown::right, false, lose_one_unblocking_try,
         answered(change("81", unblocking_code, new_unblocking_code), 0x9000)},
        {"unblocking-code change with a wrong one", Shown::nothing, Shown::spent, false,
         lose_one_unblocking_try, answered(change("81", wrong_unblocking_code, new_unblocking_code), 0x63C1)},
        {"unblock", Shown::nothing, Shown::right, true, block_passcode,
         answered(unblock_command(unblocking_code), 0x9000)},
        {"unblock with tries left", Shown::nothing, Shown::right, true, lose_one_try_of_both,
         answered(unblock_command(unblocking_code), 0x9000)},
        {"wrong unblock", Shown::nothing, Shown::spent, false, lose_one_unblocking_try,
         answered(unblock_command(wrong_unblocking_code), 0x63C1)},
    };
}

Operation with_global_passcode(std::string name, Shown shown, std::string command, std::uint16_t expected) {
    return {std::move(name),
            Shown::nothing,
            Shown::nothing,
            false,
            lose_one_global_try,
            answered(std::move(command), expected),
            shown};
}

std::vector<Operation> global_passcode_operations() {
    return {
        with_global_passcode("wrong global try", Shown::spent, verify_global(wrong_passcode), 0x63C2),
        with_global_passcode("right global try", Shown::right, verify_global(global_passcode), 0x9000),
        with_global_passcode("global passcode change", Shown::right,
                             change("00", global_passcode, new_global_passcode), 0x9000),
        with_global_passcode("global passcode change with a wrong one", Shown::spent,
                             change("00", wrong_passcode, new_global_passcode), 0x63C2),
        with_global_passcode("global passcode change to one that breaks the rules", Shown::spent,
                             change("00", global_passcode, "12"), 0x6A80),
    };
}

/// What the administrator does: no code is shown.
Operation by_administrator(std::string name, CardStep run) {
    return {std::move(name), Shown::nothing, Shown::nothing, false, authenticate, std::move(run)};
}

std::vector<Operation> administrator_operations() {
    return {
        by_administrator("certificate write", put(certificate_there, certificate_of(900, 0x22))),
        by_administrator("certificate write, shorter", put(certificate_there, certificate_of(450, 0x22))),
        by_administrator("certificate write, as long", put(certificate_there, certificate_of(700, 0x22))),
        by_administrator("certificate write, first", put(certificate_not_there, certificate_of(300, 0x22))),
        by_administrator("certificate deletion", put(certificate_there, {})),
        by_administrator("object write in one command", put(0x5FC106, Bytes(40, 0x33))),
        by_administrator("key generation", answered("0047009A05AC0380011100", 0x9000)),
        by_administrator("key generation, first", answered("0047009C05AC0380011100", 0x9000)),
        // RSA 2048: 61xx, because the answer is longer than 256 bytes.
        by_administrator("key generation, RSA", answered("0047009A05AC0380010700", 0x610E)),
    };
}

} // namespace

const std::vector<Operation>& all_operations() {
    static const std::vector<Operation> all = [] {
        std::vector<Operation> rows = passcode_operations();
        for (auto* const more : {global_passcode_operations, administrator_operations}) {
            std::ranges::move(more(), std::back_inserter(rows));
        }
        return rows;
    }();
    return all;
}

const Operation& operation(std::string_view name) {
    const auto found = std::ranges::find(all_operations(), name, &Operation::name);
    if (found == all_operations().end()) {
        throw std::out_of_range(fmt::format("no operation is called '{}'", name));
    }
    return *found;
}

Bytes certificate_of(std::size_t size, std::uint8_t fill) {
    return emulator::piv::certificate_container(Bytes(size, fill));
}

std::string unblock_command(std::string_view code) {
    return fmt::format("002C008010{}{}", block(code), block(new_passcode));
}

void lose_one_try(CardSession& card) {
    require_status(card.verify(wrong_passcode), 0x63C2);
}

} // namespace cardrig::tests
