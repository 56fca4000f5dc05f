// A whole card: whatever is done to it, it keeps its promises (tests/fuzz/card_model.h). What the input means
// is described in tests/fuzz/card_script.h.
#include "tests/fuzz/card_script.h"
#include "tests/fuzz/property.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Run run = fuzz::run_script({data, size});
    fuzz::require(!run.broken, run.broken.value_or("").c_str());
    return 0;
}
