#include "emulator/seeded_random.h"

#include "emulator/openssl_support.h"

#include <algorithm>
#include <array>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace cardrig::emulator {

namespace {

constexpr const char* provider_name = "cardrig-seeded";
constexpr const char* generator_name = "CARDRIG-SEEDED";
constexpr const char* generator_property = "provider=cardrig-seeded";
constexpr std::size_t block_bytes = 32;

void append_number(apdu::Bytes& out, std::uint64_t number) {
    for (unsigned shift = 64; shift > 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(number >> (shift - 8)));
    }
}

bool hash(const EVP_MD* sha256, const apdu::Bytes& input, apdu::Bytes& out) {
    out.resize(block_bytes);
    unsigned int size = 0;
    return EVP_Digest(input.data(), input.size(), out.data(), &size, sha256, nullptr) == 1 &&
           size == block_bytes;
}

} // namespace

void SeededStream::start(const EVP_MD* sha256, std::uint64_t seed) {
    const std::scoped_lock lock(mutex_);
    sha256_ = sha256;
    seed_ = seed;
}

void SeededStream::begin_operation(std::uint64_t number, std::string_view purpose) {
    const std::scoped_lock lock(mutex_);
    apdu::Bytes input;
    append_number(input, seed_);
    append_number(input, number);
    input.insert(input.end(), purpose.begin(), purpose.end());
    openssl::require(hash(sha256_, input, key_), "hashing a seed");
    block_.clear();
    used_ = 0;
    next_block_number_ = 0;
}

bool SeededStream::next_block() {
    apdu::Bytes input = key_;
    append_number(input, next_block_number_);
    ++next_block_number_;
    used_ = 0;
    return hash(sha256_, input, block_);
}

bool SeededStream::draw(std::span<std::uint8_t> out) {
    const std::scoped_lock lock(mutex_);
    if (key_.empty()) {
        return false;
    }
    bytes_drawn_ += out.size();
    while (!out.empty()) {
        if (used_ == block_.size() && !next_block()) {
            return false;
        }
        const std::size_t count = std::min(out.size(), block_.size() - used_);
        std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(used_), count, out.begin());
        used_ += count;
        out = out.subspan(count);
    }
    return true;
}

std::uint64_t SeededStream::bytes_drawn() const {
    const std::scoped_lock lock(mutex_);
    return bytes_drawn_;
}

// What follows is the form in which OpenSSL wants a generator (provider-rand(7), provider(7)). An instance
// has no state but the stream, which is the provider's: so locking is the stream's affair too.
namespace {

struct Instance {
    SeededStream* stream;
    int state;
};

extern "C" {

static void* seeded_new(void* provider, void* /*parent*/, const OSSL_DISPATCH* /*parent_functions*/) {
    return new Instance{static_cast<SeededStream*>(provider), EVP_RAND_STATE_UNINITIALISED};
}

static void seeded_free(void* instance) {
    delete static_cast<Instance*>(instance);
}

static int seeded_instantiate(void* instance, unsigned int /*strength*/, int /*prediction_resistance*/,
                              const unsigned char* /*personal*/, size_t /*personal_size*/,
                              const OSSL_PARAM* /*parameters*/) {
    static_cast<Instance*>(instance)->state = EVP_RAND_STATE_READY;
    return 1;
}

static int seeded_uninstantiate(void* instance) {
    static_cast<Instance*>(instance)->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int seeded_generate(void* instance, unsigned char* out, size_t size, unsigned int /*strength*/,
                           int /*prediction_resistance*/, const unsigned char* /*additional*/,
                           size_t /*additional_size*/) {
    return static_cast<Instance*>(instance)->stream->draw({out, size}) ? 1 : 0;
}

static int seeded_enable_locking(void* /*instance*/) {
    return 1;
}

static int seeded_lock(void* /*instance*/) {
    return 1;
}

static void seeded_unlock(void* /*instance*/) {}

static int seeded_get_parameters(void* instance, OSSL_PARAM parameters[]) {
    OSSL_PARAM* state = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_STATE);
    OSSL_PARAM* strength = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_STRENGTH);
    OSSL_PARAM* max_request = OSSL_PARAM_locate(parameters, OSSL_RAND_PARAM_MAX_REQUEST);
    const bool good =
        (state == nullptr || OSSL_PARAM_set_int(state, static_cast<Instance*>(instance)->state) == 1) &&
        (strength == nullptr || OSSL_PARAM_set_uint(strength, 256) == 1) &&
        (max_request == nullptr || OSSL_PARAM_set_size_t(max_request, 1U << 20U) == 1);
    return good ? 1 : 0;
}

static const OSSL_PARAM* seeded_gettable_parameters(void* /*instance*/, void* /*provider*/) {
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr), OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
        OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr), OSSL_PARAM_END};
    return gettable;
}

static void provider_free(void* stream) {
    delete static_cast<SeededStream*>(stream);
}

} // extern "C"

template <class Function>
OSSL_DISPATCH entry(int id, Function* function) {
    return {id, reinterpret_cast<void (*)()>(function)};
}

extern "C" {

static const OSSL_ALGORITHM* provider_query(void* /*stream*/, int operation, int* no_cache) {
    static const std::array<OSSL_DISPATCH, 11> functions{
        entry(OSSL_FUNC_RAND_NEWCTX, seeded_new),
        entry(OSSL_FUNC_RAND_FREECTX, seeded_free),
        entry(OSSL_FUNC_RAND_INSTANTIATE, seeded_instantiate),
        entry(OSSL_FUNC_RAND_UNINSTANTIATE, seeded_uninstantiate),
        entry(OSSL_FUNC_RAND_GENERATE, seeded_generate),
        entry(OSSL_FUNC_RAND_ENABLE_LOCKING, seeded_enable_locking),
        entry(OSSL_FUNC_RAND_LOCK, seeded_lock),
        entry(OSSL_FUNC_RAND_UNLOCK, seeded_unlock),
        entry(OSSL_FUNC_RAND_GET_CTX_PARAMS, seeded_get_parameters),
        entry(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, seeded_gettable_parameters),
        OSSL_DISPATCH{0, nullptr}};
    static const std::array<OSSL_ALGORITHM, 2> generators{
        OSSL_ALGORITHM{generator_name, generator_property, functions.data(), "seeded stream"},
        OSSL_ALGORITHM{nullptr, nullptr, nullptr, nullptr}};
    *no_cache = 0;
    return operation == OSSL_OP_RAND ? generators.data() : nullptr;
}

static int provider_init(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*core*/,
                         const OSSL_DISPATCH** functions, void** provider) {
    static const std::array<OSSL_DISPATCH, 3> provider_functions{
        entry(OSSL_FUNC_PROVIDER_TEARDOWN, provider_free),
        entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query), OSSL_DISPATCH{0, nullptr}};
    *functions = provider_functions.data();
    *provider = new SeededStream;
    return 1;
}

} // extern "C"

} // namespace

OSSL_PROVIDER* install_seeded_random(OSSL_LIB_CTX* context) {
    openssl::require(OSSL_PROVIDER_add_builtin(context, provider_name, provider_init) == 1,
                     "adding the seeded generator");
    OSSL_PROVIDER* provider = OSSL_PROVIDER_load(context, provider_name);
    openssl::require(provider != nullptr, "loading the seeded generator");
    openssl::require(RAND_set_DRBG_type(context, generator_name, generator_property, nullptr, nullptr) == 1 &&
                         RAND_set_seed_source_type(context, generator_name, generator_property) == 1,
                     "choosing the seeded generator");
    return provider;
}

SeededStream& seeded_stream_of(const OSSL_PROVIDER* provider) {
    return *static_cast<SeededStream*>(OSSL_PROVIDER_get0_provider_ctx(provider));
}

} // namespace cardrig::emulator
