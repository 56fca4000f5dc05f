// Lets whoever knows the control socket move the cards of a rig.
#pragma once

#include "harness/hand/control_server.h"
#include "harness/hand/hand.h"
#include "harness/rig.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cardrig::harness {

/// `--control` in the rig's own folder, `--control=PATH` elsewhere.
struct ControlOption {
    bool wanted = false;
    std::string path; ///< empty: in the rig's folder, and told to the client
};

/// What the parser would misunderstand, of the words of a command line: throws RequestError where `--control`
/// has an empty PATH, one without a `/` (`true`, for one), or one behind a blank.
void check_control_words(const std::vector<std::string>& words);
/// What a command line's `--control` says, as CLI11 gives a flag's value.
[[nodiscard]] ControlOption control_option(const std::string& value);

/// Cards as a command line numbers them: "1", "2", ...
[[nodiscard]] std::vector<HandCard> numbered(const std::vector<std::unique_ptr<RiggedCard>>& cards);

/// The readers of a rig, as the hand knows them.
[[nodiscard]] std::vector<HandReader> hand_readers(Rig& rig);

/// A hand for a rig's cards, and the socket by which it is told what to do.
class RigControl final {
public:
    /// The rig, the cards and the trace outlive it. Throws RequestError or HostError where the socket cannot
    /// be made. Not with another hand for the same cards.
    RigControl(Rig& rig, std::vector<HandCard> cards, Trace& trace, const ControlOption& option);
    RigControl(const RigControl&) = delete;
    RigControl& operator=(const RigControl&) = delete;
    /// What a card is made to wait for is over: the rig has to end.
    ~RigControl();

    [[nodiscard]] Hand& hand() { return hand_; }
    /// What the client is told; empty where it is told nothing.
    [[nodiscard]] std::string told_path() const { return told_ ? server_.path() : std::string(); }

private:
    std::vector<HandCard> cards_;
    bool told_;
    Hand hand_;
    ControlServer server_;
};

/// None where it is not wanted.
[[nodiscard]] std::unique_ptr<RigControl> make_control(Rig& rig, std::vector<HandCard> cards, Trace& trace,
                                                       const ControlOption& option);
/// For the client, where `control` may be none.
[[nodiscard]] std::map<std::string, std::string> control_environment(const RigControl* control);

} // namespace cardrig::harness
