#include "tests/emulator/store_workload.h"

#include <boost/test/unit_test.hpp>

#include <numeric>

namespace cardrig::tests {

using namespace emulator;

namespace {

constexpr ObjectId certificate{0x005FC105};
constexpr ObjectId key{0x0100009A};
constexpr ObjectId passcode{0x02000080};

Bytes pattern(std::size_t size, std::uint8_t start) {
    Bytes bytes(size);
    std::iota(bytes.begin(), bytes.end(), start);
    return bytes;
}

void commit(Transaction& transaction) {
    BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
}

Step put(ObjectId id, Bytes content) {
    return [id, content = std::move(content)](ObjectStore& store) {
        Transaction transaction = store.begin();
        transaction.put(id, content);
        commit(transaction);
    };
}

Step set(std::uint8_t counter, std::uint8_t value) {
    return [=](ObjectStore& store) { store.set_counter(CounterId{counter}, value); };
}

Step renewal(std::uint8_t start) {
    return [=](ObjectStore& store) {
        Transaction transaction = store.begin();
        transaction.put(key, pattern(50, start));
        transaction.put(certificate, pattern(90, start));
        transaction.erase(ObjectId{1});
        transaction.put(ObjectId{2}, {});
        commit(transaction);
    };
}

void shrink_and_grow(ObjectStore& store) {
    Transaction transaction = store.begin();
    transaction.erase(key);
    transaction.write_range(certificate, 80, pattern(40, 1));
    commit(transaction);
}

} // namespace

std::vector<Step> workload() {
    return {
        put(passcode, Bytes(8, 0x31)),
        set(0, 3),
        put(ObjectId{1}, pattern(40, 7)),
        set(0, 2),
        renewal(0x20),
        put(passcode, {0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x30}),
        set(1, 3),
        put(passcode, {0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x32}),
        renewal(0x90),
        put(ObjectId{3}, {0x01}),
        put(ObjectId{3}, {0x00}),
        shrink_and_grow,
        put(ObjectId{3}, {0x80}),
        set(0, 3),
    };
}

Step probe() {
    return put(passcode, Bytes(8, 0x39));
}

} // namespace cardrig::tests
