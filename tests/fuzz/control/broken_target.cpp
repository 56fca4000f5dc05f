// A target with a fault that only mutations reach: the driver must find it and show the input.
#include "tests/fuzz/property.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::require(size < 3 || data[1] != 0x84, "no second byte is 84");
    return 0;
}
