#include "emulator/seeded_random.h"

#include "emulator/environment.h"

#include <array>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <openssl/rand.h>
#include <sys/wait.h>
#include <unistd.h>

namespace emulator = cardrig::emulator;
using cardrig::apdu::Bytes;
using cardrig::apdu::to_hex;
using emulator::Algorithm;

namespace {

Bytes random_bytes(emulator::CryptoContext& context, std::size_t size = 40) {
    Bytes bytes(size);
    emulator::ContextEntropy(context).fill(bytes);
    return bytes;
}

/// One card's life in short: keys of every kind, signatures, a shared secret, random bytes.
std::string fingerprint(emulator::CryptoContext& context) {
    emulator::FreshKeys keys;
    Bytes all;
    const auto add = [&all](const Bytes& bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
    const emulator::PrivateKey rsa = keys.generate(context, Algorithm::rsa2048);
    add(rsa.to_der());
    add(rsa.rsa_private_operation(Bytes(256, 0x11)).value());
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::p384}) {
        const emulator::PrivateKey key = keys.generate(context, algorithm);
        add(key.to_der());
        add(key.ecdsa_sign(Bytes(32, 0x22)).value());
        add(key.ecdsa_sign(Bytes(32, 0x22)).value());
    }
    add(random_bytes(context));
    return to_hex(emulator::sha256(all));
}

std::string fingerprint(std::uint64_t seed) {
    emulator::CryptoContext context(seed);
    return fingerprint(context);
}

/// What a child process makes of the seed.
std::string fingerprint_of_a_child(std::uint64_t seed) {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe(ends.data()) == 0);
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
        const std::string text = fingerprint(seed);
        const bool written = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
        ::_exit(written ? 0 : 1);
    }
    ::close(ends[1]);
    std::string text(64, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(ends[0], text.data() + size, text.size() - size);
        if (got <= 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
    }
    ::close(ends[0]);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    text.resize(size);
    return text;
}

std::string generator_name(EVP_RAND_CTX* generator) {
    BOOST_REQUIRE(generator != nullptr);
    return EVP_RAND_get0_name(EVP_RAND_CTX_get0_rand(generator));
}

} // namespace

BOOST_AUTO_TEST_SUITE(seeded_random)

BOOST_AUTO_TEST_CASE(stream_is_the_one_that_is_documented) {
    // Worked out with Python's hashlib from the description in the header: seed 7, operations 1 and 2.
    emulator::CryptoContext context(7);
    BOOST_TEST(to_hex(random_bytes(context)) ==
               "331D00DA1CB820170D10870B605429E1469F90C96B1C73335EB0EE2286DEF5087043D7EB9F4EDE7D");
    BOOST_TEST(to_hex(random_bytes(context)) ==
               "A5A9C1143F83ECD47A224314C0C31C696F8903A643BE35E69AB102D0153E7266B199507C1F6D5D8F");
    BOOST_TEST(context.bytes_drawn() == 80U);
}

BOOST_AUTO_TEST_CASE(all_generators_of_a_seeded_context_are_the_seeded_one) {
    emulator::CryptoContext context(7);
    BOOST_TEST(generator_name(RAND_get0_public(context.native())) == "CARDRIG-SEEDED");
    BOOST_TEST(generator_name(RAND_get0_private(context.native())) == "CARDRIG-SEEDED");
    BOOST_TEST(generator_name(RAND_get0_primary(context.native())) == "CARDRIG-SEEDED");
    emulator::CryptoContext unseeded;
    BOOST_TEST(generator_name(RAND_get0_private(unseeded.native())) != "CARDRIG-SEEDED");
}

BOOST_AUTO_TEST_CASE(every_drawing_operation_draws_from_the_stream) {
    emulator::CryptoContext context(7);
    emulator::FreshKeys keys;
    std::uint64_t drawn = context.bytes_drawn();
    const auto draws = [&] {
        const std::uint64_t before = std::exchange(drawn, context.bytes_drawn());
        return drawn > before;
    };
    const emulator::PrivateKey rsa = keys.generate(context, Algorithm::rsa1024);
    BOOST_TEST(draws());
    const emulator::PrivateKey elliptic = keys.generate(context, Algorithm::p256);
    BOOST_TEST(draws());
    BOOST_TEST(elliptic.ecdsa_sign(Bytes(32, 1)).has_value());
    BOOST_TEST(draws());
    BOOST_TEST(rsa.rsa_private_operation(Bytes(128, 1)).has_value());
    BOOST_TEST(draws()); // blinding
    (void)random_bytes(context);
    BOOST_TEST(draws());
}

BOOST_AUTO_TEST_CASE(same_seed_and_operations_give_the_same_bytes) {
    const std::string expected = fingerprint(42);
    BOOST_TEST(expected.size() == 64U);
    BOOST_TEST(fingerprint(42) == expected);
    BOOST_TEST(fingerprint(43) != expected);
    BOOST_TEST(fingerprint_of_a_child(42) == expected);
}

BOOST_AUTO_TEST_CASE(contexts_in_several_threads_do_not_disturb_one_another) {
    std::array<std::string, 3> found;
    {
        std::array<std::thread, 3> threads;
        for (std::size_t i = 0; i < threads.size(); ++i) {
            threads[i] = std::thread([&found, i] { found[i] = fingerprint(i == 2 ? 6 : 5); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    BOOST_TEST(found[0] == fingerprint(5));
    BOOST_TEST(found[1] == found[0]);
    BOOST_TEST(found[2] == fingerprint(6));
}

BOOST_AUTO_TEST_CASE(a_context_may_go_from_thread_to_thread) {
    const auto life = [](emulator::CryptoContext& context, bool in_threads) {
        Bytes all;
        for (int step = 0; step < 3; ++step) {
            const auto draw = [&] {
                const Bytes bytes = emulator::FreshKeys().generate(context, Algorithm::p384).to_der();
                all.insert(all.end(), bytes.begin(), bytes.end());
            };
            if (in_threads) {
                std::thread(draw).join();
            } else {
                draw();
            }
        }
        return all;
    };
    emulator::CryptoContext one(9);
    emulator::CryptoContext other(9);
    BOOST_CHECK(life(one, false) == life(other, true));
}

BOOST_AUTO_TEST_CASE(a_context_may_end_before_a_thread_that_drew_from_it) {
    for (const std::optional<std::uint64_t> seed :
         {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(1)}) {
        auto context = std::make_unique<emulator::CryptoContext>(seed);
        std::promise<std::size_t> drawn;
        std::promise<void> ended;
        const auto draw = [&] { // the key must not outlive the context
            const auto key = emulator::FreshKeys().generate(*context, Algorithm::p384);
            return key.ecdsa_sign(Bytes(32, 1)).value().size() + random_bytes(*context).size();
        };
        std::thread thread([&] {
            drawn.set_value(draw());
            ended.get_future().wait();
        });
        BOOST_TEST(drawn.get_future().get() > 40U);
        context.reset();
        ended.set_value();
        thread.join(); // where OpenSSL's work for the thread is undone
    }
}

BOOST_AUTO_TEST_CASE(what_was_drawn_before_has_no_influence_on_an_operation) {
    emulator::CryptoContext one(3);
    emulator::CryptoContext other(3);
    Bytes much(5000);
    one.begin_operation("first");
    other.begin_operation("first");
    BOOST_REQUIRE(RAND_priv_bytes_ex(other.native(), much.data(), much.size(), 0) == 1);
    BOOST_CHECK(random_bytes(one) == random_bytes(other));
}

BOOST_AUTO_TEST_CASE(public_and_private_generators_read_one_stream) {
    emulator::CryptoContext one(3);
    emulator::CryptoContext other(3);
    Bytes whole(32);
    Bytes parts(32);
    one.begin_operation("draw");
    other.begin_operation("draw");
    BOOST_REQUIRE(RAND_bytes_ex(one.native(), whole.data(), 32, 0) == 1);
    BOOST_REQUIRE(RAND_priv_bytes_ex(other.native(), parts.data(), 7, 0) == 1);
    BOOST_REQUIRE(RAND_bytes_ex(other.native(), parts.data() + 7, 25, 0) == 1);
    BOOST_CHECK(whole == parts);
}

BOOST_AUTO_TEST_CASE(number_and_purpose_of_an_operation_tell_its_stream) {
    const auto first_bytes = [](std::uint64_t seed, int operations, const char* purpose) {
        emulator::CryptoContext context(seed);
        for (int i = 0; i < operations; ++i) {
            context.begin_operation(purpose);
        }
        Bytes bytes(16);
        BOOST_REQUIRE(RAND_bytes_ex(context.native(), bytes.data(), bytes.size(), 0) == 1);
        return bytes;
    };
    const Bytes reference = first_bytes(3, 1, "sign");
    BOOST_CHECK(first_bytes(3, 1, "sign") == reference);
    BOOST_CHECK(first_bytes(3, 2, "sign") != reference);
    BOOST_CHECK(first_bytes(3, 1, "make") != reference);
    BOOST_CHECK(first_bytes(4, 1, "sign") != reference);
    BOOST_CHECK(first_bytes(3, 0, "sign") != reference);
}

BOOST_AUTO_TEST_CASE(a_reseeded_context_is_as_one_just_made) {
    emulator::CryptoContext used(1);
    const emulator::PrivateKey kept = emulator::FreshKeys().generate(used, Algorithm::p256);
    static_cast<void>(kept.ecdsa_sign(Bytes(32, 0x01)));
    used.reseed(2);
    emulator::CryptoContext made(2);
    BOOST_TEST(used.seed().value() == 2U);
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::rsa1024}) {
        BOOST_TEST(emulator::FreshKeys().generate(used, algorithm).to_der() ==
                   emulator::FreshKeys().generate(made, algorithm).to_der());
    }
    BOOST_TEST(used.begin_operation("count") == made.begin_operation("count"));
    BOOST_TEST(kept.ecdsa_sign(Bytes(32, 0x01)).has_value());
}

BOOST_AUTO_TEST_CASE(only_a_context_with_a_seed_takes_another_one) {
    emulator::CryptoContext unseeded;
    BOOST_CHECK_THROW(unseeded.reseed(1), std::logic_error);
}

BOOST_AUTO_TEST_CASE(nothing_is_drawn_before_a_seed_is_given) {
    emulator::SeededStream stream;
    Bytes out(4);
    BOOST_TEST(!stream.draw(out));
    BOOST_TEST(stream.bytes_drawn() == 0U);
}

BOOST_AUTO_TEST_CASE(requests_larger_than_openssl_passes_on_at_once_are_served_whole) {
    emulator::CryptoContext context(3);
    const Bytes large = random_bytes(context, (std::size_t{1} << 20U) + 17);
    emulator::CryptoContext again(3);
    const Bytes small = random_bytes(again, 100);
    BOOST_CHECK(Bytes(large.begin(), large.begin() + 100) == small);
    BOOST_CHECK(Bytes(large.end() - 17, large.end()) != Bytes(17, 0x00));
    BOOST_TEST(context.bytes_drawn() == large.size());
}

BOOST_AUTO_TEST_SUITE_END()
