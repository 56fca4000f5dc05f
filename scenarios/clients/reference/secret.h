// A passcode or a code: never printed, and wiped from memory when it is done with.
#pragma once

#include "apdu/bytes.h"

#include <string_view>

#include <openssl/crypto.h>

namespace cardrig::client {

class Secret final {
public:
    Secret() = default;
    explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
    Secret(Secret&&) = default;
    Secret& operator=(Secret&& other) {
        if (this != &other) {
            wipe();
            bytes_ = std::move(other.bytes_);
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { wipe(); }

    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] const apdu::Bytes& bytes() const { return bytes_; }
    [[nodiscard]] std::string_view text() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    friend bool operator==(const Secret& a, const Secret& b) { return a.bytes_ == b.bytes_; }

private:
    void wipe() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
    apdu::Bytes bytes_;
};

} // namespace cardrig::client
