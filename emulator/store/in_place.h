// No protection: pages are overwritten where they lie, as cheap cards do.
//
// Data first, then the tables that tell of it. A cut leaves whatever it leaves, and nothing here would
// notice.
#pragma once

#include "emulator/store/pages.h"

namespace cardrig::emulator::store {

class InPlace final : public Pages {
public:
    InPlace(Nvm& nvm, const Layout& layout) : nvm_(&nvm), layout_(layout) {}

    void read(std::uint32_t page, std::span<std::uint8_t> out) const override;
    /// Always.
    [[nodiscard]] bool takes(const PageChange& change) const override;
    void change(const PageChange& change) override;

private:
    Nvm* nvm_;
    Layout layout_;
};

} // namespace cardrig::emulator::store
