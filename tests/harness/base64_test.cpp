#include "harness/base64.h"

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using cardrig::apdu::Bytes;
using cardrig::harness::from_base64;
using cardrig::harness::to_base64;

BOOST_AUTO_TEST_SUITE(base64)

BOOST_AUTO_TEST_CASE(rfc_4648_test_vectors) {
    for (const auto& [plain, text] :
         std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}}) {
        const Bytes bytes(plain.begin(), plain.end());
        BOOST_TEST(to_base64(bytes) == text);
        const auto read = from_base64(text);
        BOOST_REQUIRE(read.has_value());
        BOOST_CHECK(*read == bytes);
    }
}

BOOST_AUTO_TEST_CASE(every_byte_goes_there_and_back) {
    for (std::size_t size = 0; size < 300; ++size) {
        Bytes bytes(size);
        for (std::size_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<std::uint8_t>(i * 7 + size);
        }
        BOOST_CHECK(from_base64(to_base64(bytes)).value() == bytes);
    }
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused) {
    for (const std::string text : {"A", "AA", "AAA", "AAAAA", "====", "A===", "AA=A", "AAA\n", "AA A", "A-_A",
                                   "=AAA", "AAAA====", "Zh==", "Zm9=", "\xC3\xA4zz"}) {
        BOOST_TEST_INFO(text);
        BOOST_TEST(!from_base64(text).has_value());
    }
}

BOOST_AUTO_TEST_SUITE_END()
