#include "harness/ifd/driver/properties.h"

#include <string_view>

#include <ifdhandler.h>
#include <reader.h>

namespace cardrig::harness::ifd {

namespace {

constexpr std::string_view vendor = "cardrig";
constexpr std::string_view model = "Virtual Reader";
constexpr std::string_view firmware = "cardrig 1.0";
/// As SCARD_ATTR_VENDOR_IFD_VERSION has it: major, minor, and two bytes of build number.
constexpr std::uint32_t version = 0x01000000;
/// The vendor number that no USB vendor has.
constexpr std::uint16_t usb_vendor = 0xFFFF;
constexpr std::uint16_t usb_product = 0xCA4D;
constexpr std::uint32_t most_data_bytes = 65536;

/// The control code of a part 10 feature is the reader's choice: as everybody's, this one.
constexpr unsigned long properties_code = SCARD_CTL_CODE(0x330000 + FEATURE_GET_TLV_PROPERTIES);

Bytes text(std::string_view value) {
    Bytes bytes(value.begin(), value.end());
    bytes.push_back(0); // attributes that are text end with it
    return bytes;
}

template <class Number>
Bytes little_endian(Number number) {
    Bytes bytes;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    }
    return bytes;
}

/// Attributes that are numbers come in the machine's own order.
Bytes number(std::uint32_t value) {
    const auto* const first = reinterpret_cast<const std::uint8_t*>(&value);
    return Bytes(first, first + sizeof value);
}

void add(Bytes& properties, std::uint8_t tag, ByteView value) {
    properties.push_back(tag);
    properties.push_back(static_cast<std::uint8_t>(value.size()));
    properties.insert(properties.end(), value.begin(), value.end());
}

Bytes part_10_properties() {
    Bytes properties;
    add(properties, PCSCv2_PART10_PROPERTY_wLcdLayout, little_endian<std::uint16_t>(0));
    add(properties, PCSCv2_PART10_PROPERTY_sFirmwareID, ByteView(Bytes(firmware.begin(), firmware.end())));
    add(properties, PCSCv2_PART10_PROPERTY_bPPDUSupport, Bytes{0});
    add(properties, PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize, little_endian(most_data_bytes));
    add(properties, PCSCv2_PART10_PROPERTY_wIdVendor, little_endian(usb_vendor));
    add(properties, PCSCv2_PART10_PROPERTY_wIdProduct, little_endian(usb_product));
    return properties;
}

} // namespace

std::optional<Bytes> attribute(Channel& channel, unsigned long lun, unsigned long tag) {
    switch (tag) {
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
        return channel.atr();
    case SCARD_ATTR_ICC_PRESENCE: // 2: in, and not moved inside
        return Bytes{static_cast<std::uint8_t>(channel.presence() == Presence::present ? 2 : 0)};
    case SCARD_ATTR_ICC_INTERFACE_STATUS:
        return Bytes{static_cast<std::uint8_t>(channel.atr().empty() ? 0 : 1)};
    case SCARD_ATTR_VENDOR_NAME:
        return text(vendor);
    case SCARD_ATTR_VENDOR_IFD_TYPE:
        return text(model);
    case SCARD_ATTR_VENDOR_IFD_SERIAL_NO:
        return text(std::to_string(lun >> 16U));
    case SCARD_ATTR_VENDOR_IFD_VERSION:
        return number(version);
    case SCARD_ATTR_MAXINPUT:
        return number(most_apdu_bytes);
    default:
        return std::nullopt;
    }
}

std::optional<Bytes> control(unsigned long code) {
    if (code == CM_IOCTL_GET_FEATURE_REQUEST) {
        Bytes features;
        add(features, FEATURE_GET_TLV_PROPERTIES,
            Bytes{static_cast<std::uint8_t>(properties_code >> 24U),
                  static_cast<std::uint8_t>(properties_code >> 16U),
                  static_cast<std::uint8_t>(properties_code >> 8U),
                  static_cast<std::uint8_t>(properties_code)});
        return features;
    }
    if (code == properties_code) {
        return part_10_properties();
    }
    return std::nullopt;
}

} // namespace cardrig::harness::ifd
