#include "harness/certificate_chain.h"

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace cardrig::harness {

namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate from_der(const emulator::Bytes& der) {
    const unsigned char* at = der.data();
    return {d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free};
}

Certificate from_pem(const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    return {text ? PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr) : nullptr, X509_free};
}

} // namespace

bool issued_by(const emulator::Bytes& certificate, const std::string& issuer) {
    const Certificate subject = from_der(certificate);
    const Certificate above = from_pem(issuer);
    const bool issued =
        subject && above &&
        X509_NAME_cmp(X509_get_issuer_name(subject.get()), X509_get_subject_name(above.get())) == 0 &&
        X509_verify(subject.get(), X509_get0_pubkey(above.get())) == 1;
    ERR_clear_error(); // what did not verify is an answer, and no error of whoever calls OpenSSL next
    return issued;
}

} // namespace cardrig::harness
