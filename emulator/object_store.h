// Objects and counters on non-volatile memory, changed in transactions that a power cut cannot tear, unless
// the card has no protection from it.
//
// emulator/README.md describes the layouts, the order of writes, and why each cut leaves a protected card
// whole.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"
#include "emulator/protection.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace cardrig::emulator {

using apdu::Result;

/// Who owns which numbers: see emulator/piv/piv_memory.h.
enum class ObjectId : std::uint32_t {};
/// 0 to 15.
enum class CounterId : std::uint8_t {};

enum class CommitResult : std::uint8_t {
    committed,
    not_enough_memory, ///< nothing was changed
};

class ObjectStore;

/// Changes that become visible together, when commit() returns, or not at all, whatever becomes of the power;
/// with Protection::none a cut may leave any part of them. One that is dropped without commit() changes
/// nothing. Refers to its store.
class Transaction {
public:
    /// Creates or replaces an object; 0 bytes is an object too.
    void put(ObjectId id, Bytes content);
    /// Replaces bytes inside an object that exists; it grows if the range ends behind its end, and the range
    /// must not begin behind its end. Throws std::logic_error where that is not so.
    void write_range(ObjectId id, std::uint32_t offset, ByteView bytes);
    /// Erasing what is not there is no error.
    void erase(ObjectId id);
    /// Once per transaction; throws std::logic_error on a second call. What would change nothing writes
    /// nothing.
    [[nodiscard]] CommitResult commit();

private:
    friend class ObjectStore;
    explicit Transaction(ObjectStore& store) : store_(store) {}
    ObjectStore& store_;
    std::map<ObjectId, std::optional<Bytes>> changes_;
    bool committed_ = false;
};

/// Lives as long as the card has power; refers to the memory, which must outlive it. Not thread-safe.
class ObjectStore {
public:
    /// Erases the memory and lays out an empty store.
    [[nodiscard]] static Result<std::unique_ptr<ObjectStore>> format(Nvm& nvm, Protection protection);
    /// Power-on: finishes or drops what a power cut interrupted, then reads. Fails on memory that is erased,
    /// zeroed or of another kind, saying what it found. With Protection::none it comes up over what a cut
    /// left as far as that can be told from no card at all.
    [[nodiscard]] static Result<std::unique_ptr<ObjectStore>> mount(Nvm& nvm);

    /// The same, and fails on memory that is laid out for another protection.
    [[nodiscard]] static Result<std::unique_ptr<ObjectStore>> mount(Nvm& nvm, Protection expected);

    ObjectStore(const ObjectStore&) = delete;
    ObjectStore& operator=(const ObjectStore&) = delete;
    ~ObjectStore();

    [[nodiscard]] std::optional<Bytes> read(ObjectId id) const;
    [[nodiscard]] bool contains(ObjectId id) const;
    [[nodiscard]] std::vector<ObjectId> objects() const;
    [[nodiscard]] Transaction begin() { return Transaction{*this}; }

    /// 0 where it was never set.
    [[nodiscard]] std::uint8_t counter(CounterId id) const;
    /// Outside every transaction, written and synced when it returns: a retry counter goes down before a
    /// passcode is compared. Writes nothing where the counter has that value.
    void set_counter(CounterId id, std::uint8_t value);

    /// Bytes that objects can still take. An object fills whole pages, so this goes down and up by pages; it
    /// is exact for whatever one transaction and the directory can hold (emulator/README.md).
    [[nodiscard]] std::uint32_t free_bytes() const;
    [[nodiscard]] Protection protection() const;

private:
    friend class Transaction;
    class Impl;
    explicit ObjectStore(std::unique_ptr<Impl> impl);
    [[nodiscard]] CommitResult commit(const std::map<ObjectId, std::optional<Bytes>>& changes);
    std::unique_ptr<Impl> impl_;
};

} // namespace cardrig::emulator
