// A client at a card in a private pcscd, and what befalls the card, the reader and the daemon.
#pragma once

#include "harness/rig.h"
#include "tests/harness/gated_card.h"
#include "tests/harness/pcsc.h"
#include "tests/harness/reader_table.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace cardrig::test {

/// Ends the private pcscd of this process's rig by SIGKILL, and waits for its end.
void kill_private_daemon();

class ReaderStage final {
public:
    /// With the card in, the client connected to it in shared mode, and a command answered.
    explicit ReaderStage(harness::ReaderKind kind);
    ReaderStage(const ReaderStage&) = delete;
    ReaderStage& operator=(const ReaderStage&) = delete;
    ~ReaderStage() { card_.let_go(); } // what the daemon left running ends

    /// It happens while no command runs; clients can have seen it when this returns.
    void bring_about(Situation situation);
    /// It happens while the client's command runs; what that one gave.
    [[nodiscard]] std::string bring_about_during_apdu(Situation situation);
    /// What a call returns, or "hangs" where it does not within the limit; the daemon is then ended, so that
    /// it does.
    [[nodiscard]] std::string answer_of(const std::function<std::string()>& call);
    /// From now on what happens is watched by a client of its own, which sees each step of it.
    EventWatch& watch();

    [[nodiscard]] PcscCard& client() { return client_; }
    [[nodiscard]] const PcscContext& context() const { return context_; }
    [[nodiscard]] std::string reader_name() const { return rig_.reader_name(0); }

private:
    void begin(Situation situation);
    void exchange_for(GatedCard& card);
    void reset_by_another();
    void wait_where_it_leaves(Situation situation);
    void settle();
    void let_it_be_seen();

    GatedCard card_;
    GatedCard other_card_{{0x3B, 0x82, 0x80, 0x01, 0x55, 0x55, 0x03}};
    GatedCard mute_card_{{}};
    GatedCard senseless_card_{{0xFF, 0x00, 0x55}};
    harness::Rig rig_;
    PcscContext context_;
    PcscCard client_;
    PcscContext other_context_;
    std::unique_ptr<EventWatch> watch_;
    std::size_t steps_ = 0; ///< that the watch has seen
};

} // namespace cardrig::test
