// What a PIV card may answer and keep, told from the commands that it was sent: the promises of a card,
// checked after each step.
//
//   I1  it comes up after any cut, and answers;
//   I5  every object is one of the values that were ever committed for it, and an answered command is kept;
//   I6  tries go down with each wrong code and up with a right one alone; exactly one passcode works; what
//   was
//       verified is forgotten with the power and at a reset.
//
// And of every answer: it is well formed, no longer than asked for, its status word is one of those that the
// card has, and what is refused changes nothing.
#pragma once

#include "apdu/response_apdu.h"
#include "emulator/card_config.h"
#include "emulator/crypto.h"
#include "emulator/object_store.h"
#include "tests/fuzz/card_meaning.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace fuzz {

namespace emulator = cardrig::emulator;

/// All that lasts, as it is seen: an object that is being written in blocks counts as absent.
struct Memory {
    std::map<emulator::ObjectId, Bytes> objects;
    std::array<std::uint8_t, 16> counters{};
    friend bool operator==(const Memory&, const Memory&) = default;
};
[[nodiscard]] Memory memory_of(const emulator::ObjectStore& store);

class BrokenPromise final : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What a command did, as far as it can be seen from outside the card.
struct Observed {
    Bytes answer;
    Memory memory;                 ///< after it
    std::uint64_t writes = 0;      ///< of pages, by this command
    std::optional<Bytes> made_key; ///< the key pair that the card was given during it, PKCS#8
};

/// Its functions throw BrokenPromise.
class CardModel final {
public:
    /// `start`: of the card, new and just powered on. `crypto` outlives it.
    CardModel(const emulator::CardConfig& config, emulator::CryptoContext& crypto, Memory start);

    /// A command goes out ...
    void command(ByteView bytes);
    /// ... and its answer comes in; or else the power goes (power_cut).
    void answer(const Observed& observed);
    void reset();
    /// During the command under way, else during a power-on. `made_key` as in Observed.
    void power_cut(const std::optional<Bytes>& made_key);
    /// The card came up.
    void powered_on(const Memory& found);

    /// False after a cut that the card's protection promises nothing about: then only the form of answers is
    /// checked.
    [[nodiscard]] bool judging() const { return judging_; }
    [[nodiscard]] const Memory& memory() const { return memory_; }
    /// 80, 81, and 00 where the card has a global passcode: the value, and the tries that are left.
    [[nodiscard]] Bytes code(std::uint8_t reference) const;
    [[nodiscard]] std::uint8_t tries(std::uint8_t reference) const;
    /// Values that it had before.
    [[nodiscard]] const std::vector<Bytes>& old_codes(std::uint8_t reference) const;
    [[nodiscard]] bool authenticated() const { return authenticated_; }
    /// Algorithm identifier, then the key.
    [[nodiscard]] Bytes management_key() const;

private:
    /// What a command may do.
    struct Expectation {
        std::vector<Memory> course;                      ///< what memory holds, step by step
        std::optional<cardrig::apdu::StatusWord> status; ///< the one right answer
        bool may_run_out_of_memory = false;              ///< then nothing has changed
        bool forbidden = false;                          ///< in whatever way it is refused
        bool open = false;                               ///< any step of the course is right
        [[nodiscard]] const Memory& end() const { return course.back(); }
    };
    struct CodeParts {
        emulator::ObjectId value;
        std::size_t tries;
        const emulator::PasscodeRules& rules;
        std::uint8_t limit;
    };

    [[nodiscard]] Expectation expect(const std::optional<Bytes>& made_key) const;
    [[nodiscard]] Expectation expect_verify() const;
    [[nodiscard]] Expectation expect_change() const;
    [[nodiscard]] Expectation expect_unblock() const;
    [[nodiscard]] Expectation expect_put() const;
    [[nodiscard]] Expectation expect_generate(const std::optional<Bytes>& made_key) const;
    [[nodiscard]] Expectation expect_block() const;
    [[nodiscard]] Expectation expect_import() const;
    [[nodiscard]] Expectation expect_set_tries() const;
    [[nodiscard]] Expectation expect_set_management_key() const;
    [[nodiscard]] Expectation expect_reset_token() const;
    [[nodiscard]] Expectation expect_move_key() const;
    [[nodiscard]] Expectation show_code(const CodeParts& code, ByteView shown) const;
    [[nodiscard]] CodeParts parts(std::uint8_t reference) const;
    [[nodiscard]] bool acceptable(std::uint8_t reference, ByteView replacement) const;

    void check_form(ByteView answer) const;
    void check_memory(const Observed& observed, cardrig::apdu::StatusWord status) const;
    void check_answer(const cardrig::apdu::ResponseApdu& response, const std::optional<Bytes>& made_key);
    void check_object(const cardrig::apdu::ResponseApdu& response);
    void check_rest(const cardrig::apdu::ResponseApdu& response);
    void check_piece(Bytes whole, const cardrig::apdu::ResponseApdu& response);
    void check_key_use(const cardrig::apdu::ResponseApdu& response);
    void check_host_proof(const cardrig::apdu::ResponseApdu& response);
    void check_card_proof(const cardrig::apdu::ResponseApdu& response, ByteView challenge) const;
    void note_question(const cardrig::apdu::ResponseApdu& response);
    void note_factory_codes(bool all);
    void note_codes(const cardrig::apdu::ResponseApdu& response);
    [[nodiscard]] bool logged_in() const;
    [[nodiscard]] bool may_sign() const;
    void forget_statuses();
    void adopt(const Memory& memory);
    [[nodiscard]] std::string told() const;

    const emulator::CardConfig config_;
    emulator::CryptoContext& crypto_;
    Memory memory_;
    Reader reader_;
    Bytes sent_;
    std::optional<Meaning> under_way_;
    std::vector<Memory> possible_; ///< after a cut, until the card has come up
    bool judging_ = true;
    std::map<std::uint8_t, std::vector<Bytes>> old_codes_;

    struct Login {
        bool verified = false;
        bool unused = false; ///< perhaps no key that asks each time was used since VERIFY
    };
    std::map<std::uint8_t, Login> logins_; ///< by reference of the passcode
    bool just_verified_ = false;           ///< by the command before
    bool authenticated_ = false;
    /// What the card asked the administrator, and what answers it: any answer, where the question was not
    /// fetched whole.
    struct Question {
        bool witness = false;
        std::optional<Bytes> proof;
    };
    std::optional<Question> handed_out_; ///< by the last command
    std::optional<Question> awaited_;    ///< by the command under way

    bool waiting_ = false;      ///< GET RESPONSE has something to bring
    std::optional<Bytes> rest_; ///< what, where the model knows it
};

} // namespace fuzz
