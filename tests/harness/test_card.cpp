#include "tests/harness/test_card.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace cardrig::test {

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

harness::MadeCard staff_card_with(const harness::ProfileOverrides& overrides) {
    harness::MakeOptions options;
    options.overrides = overrides;
    options.now = now();
    return harness::make_card("piv-staff", options);
}

const harness::MadeCard& staff_card() {
    static const harness::MadeCard card = staff_card_with({});
    return card;
}

emulator::CardImage changed(const emulator::CardImage& image,
                            const std::function<void(emulator::ObjectStore&)>& change) {
    emulator::MemoryNvm memory(image.config.geometry, image.memory, image.weak);
    auto store = emulator::ObjectStore::mount(memory);
    if (!store) {
        throw std::runtime_error(store.error().message);
    }
    change(**store);
    return {image.config, memory.bytes(), memory.weak()};
}

apdu::Bytes padded(std::string_view code) {
    apdu::Bytes bytes(code.begin(), code.end());
    bytes.resize(8, 0xFF);
    return bytes;
}

apdu::Bytes hex(std::string_view text) {
    auto bytes = apdu::from_hex(text);
    if (!bytes) {
        throw std::runtime_error(bytes.error().message);
    }
    return *bytes;
}

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cardrig-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("no temporary folder");
    }
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

} // namespace cardrig::test
