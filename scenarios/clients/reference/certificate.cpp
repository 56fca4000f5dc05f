#include "scenarios/clients/reference/certificate.h"

#include "scenarios/clients/reference/failure.h"

#include <array>
#include <cstdint>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;

template <auto release>
struct Releaser {
    template <class T>
    void operator()(T* object) const {
        release(object);
    }
};
using Request = std::unique_ptr<X509_REQ, Releaser<X509_REQ_free>>;
using BitString = std::unique_ptr<ASN1_BIT_STRING, Releaser<ASN1_BIT_STRING_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Releaser<X509_ALGOR_free>>;
using VerifyContext = std::unique_ptr<X509_STORE_CTX, Releaser<X509_STORE_CTX_free>>;

std::string subject_text(const X509_NAME* subject, int nid) {
    const int place = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (place < 0) {
        return {};
    }
    const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, text);
    std::string result(reinterpret_cast<const char*>(utf8), size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(utf8);
    return result;
}

std::optional<std::chrono::sys_seconds> time_of(const ASN1_TIME* time) {
    std::tm fields{};
    if (ASN1_TIME_to_tm(time, &fields) != 1) {
        return std::nullopt;
    }
    return std::chrono::sys_seconds(std::chrono::seconds(timegm(&fields)));
}

template <class T>
Bytes der_of(int (*encode)(T*, unsigned char**), T* object) {
    unsigned char* out = nullptr;
    const int size = encode(object, &out);
    Bytes bytes(out, out + (size > 0 ? size : 0));
    OPENSSL_free(out);
    return bytes;
}

bool set_signature(X509_REQ* request, const PublicKey& key, ByteView signature) {
    const Algorithm algorithm(X509_ALGOR_new());
    BitString bits(ASN1_BIT_STRING_new());
    if (!algorithm || !bits ||
        ASN1_BIT_STRING_set(bits.get(), const_cast<unsigned char*>(signature.data()),
                            static_cast<int>(signature.size())) != 1) {
        return false;
    }
    // RFC 5754, 3.2 and 3.3: NULL parameters with RSA, none with ECDSA.
    if (key.is_rsa()) {
        X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256WithRSAEncryption), V_ASN1_NULL, nullptr);
    } else {
        X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, nullptr);
    }
    if (X509_REQ_set1_signature_algo(request, algorithm.get()) != 1) {
        return false;
    }
    bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07); // whole bytes, none of their bits unused
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(request, bits.release());
    return true;
}

} // namespace

// --- certificates

std::optional<Certificate> Certificate::parse(ByteView der) {
    const unsigned char* in = der.data();
    const std::shared_ptr<X509> parsed(d2i_X509(nullptr, &in, static_cast<long>(der.size())), X509_free);
    if (!parsed || in != der.data() + der.size()) {
        return std::nullopt;
    }
    EVP_PKEY* key = X509_get_pubkey(parsed.get());
    if (key == nullptr) {
        return std::nullopt;
    }
    Certificate result(parsed, PublicKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free)));
    const auto begin = time_of(X509_get0_notBefore(parsed.get()));
    const auto end = time_of(X509_get0_notAfter(parsed.get()));
    if (!begin || !end) {
        return std::nullopt;
    }
    result.not_before_ = *begin;
    result.not_after_ = *end;
    result.der_.assign(der.begin(), der.end());
    const X509_NAME* subject = X509_get_subject_name(parsed.get());
    result.holder_ = {subject_text(subject, NID_commonName), subject_text(subject, NID_userId)};
    return result;
}

std::string Certificate::serial() const {
    const ASN1_INTEGER* number = X509_get0_serialNumber(certificate_.get());
    const std::unique_ptr<BIGNUM, Releaser<BN_free>> value(ASN1_INTEGER_to_BN(number, nullptr));
    if (!value) {
        return {};
    }
    char* hex = BN_bn2hex(value.get());
    std::string text(hex == nullptr ? "" : hex);
    OPENSSL_free(hex);
    return text;
}

bool Certificate::signs(bool lasting) const {
    // RFC 5280, 4.2.1.3 and 4.2.1.9; one that does not name its uses is for all but certificates.
    const std::uint32_t use = X509_get_key_usage(get());
    if (X509_check_ca(get()) == 1 || (use != UINT32_MAX && (use & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)) {
        return false;
    }
    return (use & (KU_DIGITAL_SIGNATURE | (lasting ? KU_NON_REPUDIATION : 0U))) != 0;
}

bool Certificate::same_subject(const Certificate& other) const {
    return X509_NAME_cmp(X509_get_subject_name(get()), X509_get_subject_name(other.get())) == 0;
}

// --- the request

std::optional<Bytes> make_request(const Certificate& model, const PublicKey& key,
                                  const std::function<Bytes(ByteView)>& sign) {
    const Request request(X509_REQ_new());
    if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(request.get(), X509_get_subject_name(model.get())) != 1 ||
        X509_REQ_set_pubkey(request.get(), key.get()) != 1) {
        return std::nullopt;
    }
    const Bytes to_be_signed = der_of<X509_REQ>(i2d_re_X509_REQ_tbs, request.get());
    const Bytes signature = sign(to_be_signed);
    if (!set_signature(request.get(), key, signature) || X509_REQ_verify(request.get(), key.get()) != 1) {
        return std::nullopt;
    }
    return der_of<const X509_REQ>(i2d_X509_REQ, request.get());
}

// --- trust

TrustAnchors::TrustAnchors(const std::string& file) : store_(X509_STORE_new(), X509_STORE_free) {
    if (!store_ || X509_STORE_load_file(store_.get(), file.c_str()) != 1) {
        throw Failure(ExitStatus::wrong_words,
                      fmt::format("Error: {}: no certificate can be read from it", file));
    }
}

std::string TrustAnchors::fault_of(const Certificate& certificate, const std::vector<Bytes>& chain) const {
    STACK_OF(X509)* others = sk_X509_new_null();
    for (const Bytes& der : chain) {
        const unsigned char* in = der.data();
        if (X509* other = d2i_X509(nullptr, &in, static_cast<long>(der.size()))) {
            sk_X509_push(others, other);
        }
    }
    const VerifyContext context(X509_STORE_CTX_new());
    std::string fault = "it cannot be checked";
    if (context && X509_STORE_CTX_init(context.get(), store_.get(), certificate.get(), others) == 1) {
        fault = X509_verify_cert(context.get()) == 1
                    ? ""
                    : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
    }
    sk_X509_pop_free(others, X509_free);
    return fault;
}

std::string date_text(std::chrono::sys_seconds time) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

} // namespace cardrig::client
