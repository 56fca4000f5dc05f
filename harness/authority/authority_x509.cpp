#include "harness/authority/authority_x509.h"

#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace openssl = emulator::openssl;
using emulator::Bytes;
using emulator::ByteView;
using emulator::CryptoContext;

openssl::Certificate parse(const CryptoContext& context, ByteView der) {
    X509* target = X509_new_ex(context.native(), nullptr);
    openssl::require(target != nullptr, "making a certificate");
    const unsigned char* at = der.data();
    // On failure OpenSSL frees what it was to fill.
    return openssl::Certificate(d2i_X509(&target, &at, static_cast<long>(der.size())));
}

std::string text_of(const ASN1_STRING* value) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, value);
    if (size < 0) {
        (void)openssl::last_reason();
        return {};
    }
    std::string copy(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
    return copy;
}

void free_extensions(STACK_OF(X509_EXTENSION) * extensions) {
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

} // namespace

std::optional<ReadCertificate> read_presented(CryptoContext& context, ByteView der) {
    auto facts = emulator::read_certificate(context, der);
    if (!facts) {
        return std::nullopt;
    }
    openssl::Certificate x509 = parse(context, der);
    if (!x509) {
        (void)openssl::last_reason();
        return std::nullopt;
    }
    return ReadCertificate{std::move(x509), std::move(*facts), Bytes(der.begin(), der.end())};
}

std::string attribute_of(const X509_NAME* name, int nid) {
    const int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0) {
        return {};
    }
    return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

bool signature_verifies(const CryptoContext& context, const ReadCertificate& certificate,
                        ByteView signed_bytes, ByteView signature) {
    EVP_PKEY* key = X509_get0_pubkey(certificate.x509.get());
    const openssl::DigestContext verifying(EVP_MD_CTX_new());
    openssl::require(verifying != nullptr, "preparing to verify");
    // A key that no card has (one for another kind of signature, say) is refused here, or verifies nothing.
    const bool good = key != nullptr && emulator::algorithm_of(key).has_value() &&
                      EVP_DigestVerifyInit_ex(verifying.get(), nullptr, "SHA256", context.native(), nullptr,
                                              key, nullptr) == 1 &&
                      EVP_DigestVerify(verifying.get(), signature.data(), signature.size(),
                                       signed_bytes.data(), signed_bytes.size()) == 1;
    if (!good) {
        (void)openssl::last_reason(); // leaves no error behind for whoever looks next
    }
    return good;
}

CertificationRequest::CertificationRequest(Request request, emulator::Algorithm algorithm, Bytes public_key)
    : request_(std::move(request)), algorithm_(algorithm), public_key_(std::move(public_key)) {}

emulator::Result<CertificationRequest> CertificationRequest::read(CryptoContext& context, ByteView der) {
    X509_REQ* target = X509_REQ_new_ex(context.native(), nullptr);
    openssl::require(target != nullptr, "making a request");
    const unsigned char* at = der.data();
    Request request(d2i_X509_REQ(&target, &at, static_cast<long>(der.size())));
    if (!request) {
        return openssl::failed("the request is no PKCS #10 request");
    }
    if (at != der.data() + der.size()) {
        return apdu::failure("bytes are left over after the PKCS #10 request");
    }
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
    if (key == nullptr) {
        return openssl::failed("the request's public key cannot be read");
    }
    const auto algorithm = emulator::algorithm_of(key);
    if (!algorithm) {
        return apdu::failure("the request's public key is of a kind that no card has");
    }
    if (X509_REQ_verify_ex(request.get(), key, context.native(), nullptr) != 1) {
        return openssl::failed("the request is not signed by the key in it");
    }
    Bytes public_key = openssl::to_der(i2d_PUBKEY, key, "encoding a public key");
    return CertificationRequest(std::move(request), *algorithm, std::move(public_key));
}

EVP_PKEY* CertificationRequest::key() const {
    return X509_REQ_get0_pubkey(request_.get());
}

bool CertificationRequest::names(const Holder& holder) const {
    const openssl::Name expected = holder_name(holder.name, holder.number);
    return X509_NAME_cmp(X509_REQ_get_subject_name(request_.get()), expected.get()) == 0;
}

std::string CertificationRequest::subject_attribute(int nid) const {
    return attribute_of(X509_REQ_get_subject_name(request_.get()), nid);
}

std::optional<CertificateUse> CertificationRequest::asked_use() const {
    using Extensions = openssl::Owned<STACK_OF(X509_EXTENSION), free_extensions>;
    const Extensions extensions(X509_REQ_get_extensions(request_.get()));
    const openssl::Owned<ASN1_BIT_STRING, ASN1_BIT_STRING_free> usage(
        static_cast<ASN1_BIT_STRING*>(X509V3_get_d2i(extensions.get(), NID_key_usage, nullptr, nullptr)));
    (void)openssl::last_reason(); // whatever could not be read asks for nothing
    if (!usage) {
        return std::nullopt;
    }
    constexpr int digital_signature = 0; // RFC 5280, 4.2.1.3: numbers of the bits
    constexpr int non_repudiation = 1;
    if (ASN1_BIT_STRING_get_bit(usage.get(), non_repudiation) == 1) {
        return CertificateUse::signature;
    }
    return ASN1_BIT_STRING_get_bit(usage.get(), digital_signature) == 1
               ? std::optional(CertificateUse::authentication)
               : std::nullopt;
}

} // namespace cardrig::harness
