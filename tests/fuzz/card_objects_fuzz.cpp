// Whatever a card answers is taken apart by the reference client or refused; what it packs it finds again.
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/containers.h"
#include "scenarios/clients/reference/public_key.h"
#include "tests/fuzz/property.h"

#include <algorithm>
#include <initializer_list>

namespace apdu = cardrig::apdu;
namespace client = cardrig::client;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const apdu::ByteView bytes(data, size);
    if (const auto der = client::certificate_in(bytes)) {
        if (const auto certificate = client::Certificate::parse(*der)) {
            fuzz::require(certificate->der() == *der, "a certificate keeps its bytes");
            fuzz::require(certificate->same_subject(*certificate), "a certificate is of its own holder");
        }
    }
    if (const auto guid = client::guid_in(bytes)) {
        fuzz::require(guid->size() == 32, "a GUID has sixteen bytes");
    }
    if (const auto note = client::work_note_in(bytes)) {
        fuzz::require(client::work_note_in(client::work_note_container(*note)) == note,
                      "a note is read as it is written");
    }
    if (const auto metadata = client::metadata_in(bytes)) {
        fuzz::require(metadata->public_key.size() > 3, "a key's template has its tag and length");
    }
    for (const std::uint8_t algorithm : std::initializer_list<std::uint8_t>{0x06, 0x07, 0x11, 0x14}) {
        if (const auto key = client::PublicKey::from_template(bytes, algorithm)) {
            fuzz::require(key->algorithm() == algorithm, "a key is of the kind that was asked for");
        }
    }
    if (size > 0) {
        const auto back = client::certificate_in(client::certificate_container(bytes));
        fuzz::require(back && std::ranges::equal(*back, bytes), "what is packed is found again");
    }
    return 0;
}
