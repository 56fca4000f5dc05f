// What all callers of OpenSSL share: objects that free themselves, and its errors in our words.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"

#include <memory>
#include <string_view>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace cardrig::emulator::openssl {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        (void)free_function(object);
    }
};
template <class T, auto free_function>
using Owned = std::unique_ptr<T, Free<free_function>>;

using LibraryContext = Owned<OSSL_LIB_CTX, OSSL_LIB_CTX_free>;
using Provider = Owned<OSSL_PROVIDER, OSSL_PROVIDER_unload>;
using Digest = Owned<EVP_MD, EVP_MD_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Cipher = Owned<EVP_CIPHER, EVP_CIPHER_free>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Pkcs8 = Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using Number = Owned<BIGNUM, BN_free>;
using SecretNumber = Owned<BIGNUM, BN_clear_free>;
using ParameterBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;
using OctetString = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using Time = Owned<ASN1_TIME, ASN1_TIME_free>;
using Certificate = Owned<X509, X509_free>;
using Name = Owned<X509_NAME, X509_NAME_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using MemoryBio = Owned<BIO, BIO_free_all>;

/// What OpenSSL last complained of, in its own words; empties this thread's queue of errors.
[[nodiscard]] std::string last_reason();

/// "`what`: reason", for what the caller's input may cause.
[[nodiscard]] tl::unexpected<apdu::Error> failed(std::string_view what);

/// For what only a broken library or lack of memory can cause: throws std::runtime_error unless `good`.
void require(bool good, std::string_view what);

/// A key pair of the context from its numbers; `type` is OpenSSL's word. Fails where they make no key;
/// whether they belong together is not checked.
[[nodiscard]] apdu::Result<std::shared_ptr<EVP_PKEY>> key_of(OSSL_LIB_CTX* context, const char* type,
                                                             OSSL_PARAM_BLD* numbers);

/// Runs an i2d function of OpenSSL over an object that certainly encodes.
template <class T, class Encode>
[[nodiscard]] apdu::Bytes to_der(Encode encode, T* object, std::string_view what) {
    const int size = encode(object, nullptr);
    require(size > 0, what);
    apdu::Bytes der(static_cast<std::size_t>(size));
    unsigned char* out = der.data();
    require(encode(object, &out) == size, what);
    return der;
}

} // namespace cardrig::emulator::openssl
