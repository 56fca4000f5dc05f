// The PIV card application (SP 800-73-4 part 2).
#pragma once

#include "emulator/application.h"
#include "emulator/card_config.h"
#include "emulator/environment.h"
#include "emulator/global_status.h"
#include "emulator/object_store.h"

#include <memory>

namespace cardrig::emulator::piv {

/// A00000030800001000 0100, right-truncated to no less than five bytes when selected.
[[nodiscard]] ByteView application_identifier();

/// What is given outlives the application; `global` is what the card keeps whichever application is selected.
[[nodiscard]] std::unique_ptr<Application> make_application(ObjectStore& store, const PivConfig& config,
                                                            Environment environment, GlobalStatus& global);

} // namespace cardrig::emulator::piv
