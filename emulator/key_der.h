// Keys in DER: private ones as they are kept (PKCS#8: RFC 5208, with RFC 8017, A.1.2 or RFC 5915, 3 inside),
// public ones as certificates have them (RFC 5280, 4.1.2.7; RFC 3279, 2.3.1; RFC 5480, 2).
//
// Written and read as the numbers that a key consists of. OpenSSL's encoders and decoders know many more
// forms, and look for the one that fits each time: that takes ten times as long, and cards are made and
// switched on often.
#pragma once

#include "emulator/crypto.h"
#include "emulator/openssl_support.h"

#include <memory>

namespace cardrig::emulator {

/// PKCS#8 of a key pair. Throws std::runtime_error where the key has no private half.
[[nodiscard]] Bytes private_key_der(const EVP_PKEY* key, Algorithm algorithm);

/// A key pair of the context. Takes RSA with two primes, and the curves in `Algorithm` by name with the
/// public point beside the private number; fails on all else and on bytes behind it. That the numbers belong
/// together is not checked.
[[nodiscard]] Result<std::shared_ptr<EVP_PKEY>> private_key_from_der(const CryptoContext& context,
                                                                     ByteView pkcs8);

/// SubjectPublicKeyInfo.
[[nodiscard]] Bytes public_key_der(const EVP_PKEY* key, Algorithm algorithm);

/// X509_set_pubkey for keys in `Algorithm`. Such a certificate is for writing: X509_get0_pubkey finds the key
/// in it only once it was read again.
void set_public_key(X509* certificate, const EVP_PKEY* key, Algorithm algorithm);

/// Big-endian, without zeros in front. `parameter` is one of OSSL_PKEY_PARAM_*.
[[nodiscard]] Bytes number_of(const EVP_PKEY* key, const char* parameter);

/// 04 X Y, whatever form the key was read in.
[[nodiscard]] Bytes uncompressed_point(const EVP_PKEY* key, Algorithm algorithm);

} // namespace cardrig::emulator
