// The file that a served card is saved in at the end.
#pragma once

#include "emulator/card_image.h"

#include <optional>
#include <string>

#include <sys/types.h>
#include <time.h>

namespace cardrig::harness {

/// Knows what the file was like when it was made: before the card is read from it.
class KeptImage final {
public:
    /// Throws RequestError where the card could not be saved there, or would be saved over something else.
    explicit KeptImage(std::string path);

    [[nodiscard]] const std::string& path() const { return path_; }
    /// Writes the card there. A file that has changed since this was made is somebody else's work: then, and
    /// where the file cannot be written, the card goes to a new file in TMPDIR or /tmp, and RequestError says
    /// where it is.
    void save(const emulator::CardImage& image) const;

private:
    struct State {
        dev_t device;
        ino_t number;
        off_t size;
        timespec changed;
    };
    [[nodiscard]] static std::optional<State> state_of(const std::string& path);
    [[nodiscard]] bool has_changed() const;

    std::string path_;
    std::optional<State> before_; ///< none: there was no such file
};

} // namespace cardrig::harness
