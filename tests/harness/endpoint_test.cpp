#include "harness/serve/endpoint.h"

#include "harness/errors.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;

void check(const char* text, const Endpoint& expected, const char* shown) {
    const Endpoint endpoint = Endpoint::parse(text, "--vpcd");
    BOOST_TEST((endpoint == expected), text << " is taken for " << endpoint.text());
    BOOST_TEST(endpoint.text() == shown);
}

} // namespace

BOOST_AUTO_TEST_SUITE(endpoint)

BOOST_AUTO_TEST_CASE(what_is_not_said_is_vpcds_own) {
    check("host.example", {"host.example", 35963}, "host.example:35963");
    check("192.0.2.7", {"192.0.2.7", 35963}, "192.0.2.7:35963");
    check("4000", {"127.0.0.1", 4000}, "127.0.0.1:4000");
    check("host:65535", {"host", 65535}, "host:65535");
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_has_brackets_where_a_port_follows) {
    check("::1", {"::1", 35963}, "[::1]:35963");
    check("[::1]", {"::1", 35963}, "[::1]:35963");
    check("[2001:db8::7]:36000", {"2001:db8::7", 36000}, "[2001:db8::7]:36000");
}

BOOST_AUTO_TEST_CASE(what_is_no_host_and_port_is_refused_with_the_offending_word) {
    for (const auto& [text, word] : {std::pair{"host:0", "'0'"},
                                     {"host:65536", "'65536'"},
                                     {"70000", "'70000'"},
                                     {"99999999999999999999", "'99999999999999999999'"},
                                     {"host:", "''"},
                                     {"host:3 5", "'3 5'"},
                                     {"host:0x8C7B", "'0x8C7B'"},
                                     {":35963", "no host"},
                                     {"", "no host"},
                                     {"[::1", "brackets"},
                                     {"[::1]7", "brackets"},
                                     {"[]:7", "no host"},
                                     {"a b", "'a b'"},
                                     {"http://host", "'//host'"}}) {
        BOOST_CHECK_EXCEPTION(
            static_cast<void>(Endpoint::parse(text, "--vpcd")), RequestError,
            [word = std::string_view(word)](const RequestError& error) { // clang 14 captures no binding
                const std::string message = error.what();
                return message.find(word) != std::string::npos && message.starts_with("--vpcd ");
            });
    }
}

BOOST_AUTO_TEST_CASE(the_second_slot_has_the_next_port_where_there_is_one) {
    BOOST_TEST((Endpoint{"host", 35963}.of_slot(1) == Endpoint{"host", 35964}));
    BOOST_TEST((Endpoint{"host", 65535}.of_slot(0) == Endpoint{"host", 65535}));
    BOOST_CHECK_THROW(static_cast<void>(Endpoint{"host", 65535}.of_slot(1)), RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
