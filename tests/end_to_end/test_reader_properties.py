"""What a PC/SC client reads off the rig's own readers: names, attributes, the properties of PC/SC part 10, long APDUs."""

import json
import struct

import pytest

from rig_processes import CARDRIG, need, reader_name, run_exec

CLIENT = r"""
import json
from smartcard.scard import *
context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)[1]
readers = SCardListReaders(context, [])[1]
found = {"readers": readers}
result, card, protocol = SCardConnect(context, readers[0], SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
found["connected"] = SCardGetErrorMessage(result)
found["attributes"] = {str(a): SCardGetAttrib(card, a) for a in
                       (SCARD_ATTR_VENDOR_NAME, SCARD_ATTR_ATR_STRING, SCARD_ATTR_ICC_PRESENCE, SCARD_ATTR_MAXINPUT)}
found["features"] = SCardControl(card, SCARD_CTL_CODE(3400), [])
code = int.from_bytes(bytes(found["features"][1][2:6]), "big")
found["properties"] = SCardControl(card, code, [])
found["unknown"] = SCardControl(card, SCARD_CTL_CODE(1), [])[0]
long = [0x00, 0xDB, 0x3F, 0xFF, 0x00, 0xFF, 0xFF] + 65535 * [0x5C]
found["long"] = SCardTransmit(card, protocol, long)
found["too long"] = SCardTransmit(card, protocol, long + 7 * [0])[0]
print(json.dumps(found))
"""
ATTRIBUTES = {"vendor": 0x10100, "atr": 0x90303, "presence": 0x90300, "longest": 0x7A007}
LCD_LAYOUT, FIRMWARE, LONGEST_DATA, VENDOR, PRODUCT = 1, 8, 10, 11, 12


@pytest.fixture(scope="module")
def found():
    need("python3", "python3")
    run = run_exec("/usr/bin/python3", "-c", CLIENT, cards=("piv-yubico", "piv-yubico"),
                   options=("--reader-name", "Cardrig Virtual Reader", "--reader-name", "Other & longer (name), 5%"),
                   kind="rig")
    assert run.returncode == 0, run.stderr + "\nis the package python3-pyscard installed?"
    return json.loads(run.stdout)


def attribute(found, name):
    result, value = found["attributes"][str(ATTRIBUTES[name])]
    assert result == 0
    return bytes(value)


def properties(found):
    result, value = found["properties"]
    assert result == 0
    at, read = 0, {}
    while at < len(value):
        length = value[at + 1]
        read[value[at]] = bytes(value[at + 2:at + 2 + length])
        at += 2 + length
    return read


def test_readers_are_named_as_asked(found):
    assert found["readers"] == [reader_name(0, "rig"), "Other & longer (name), 5% 01 00"]


def test_attributes_say_whose_reader_it_is_and_what_is_in_it(found):
    assert attribute(found, "vendor") == b"cardrig\0"
    assert attribute(found, "atr")[0] in (0x3B, 0x3F)
    assert attribute(found, "presence") == b"\x02"
    assert struct.unpack("=I", attribute(found, "longest")) == (65548,)


def test_part_10_offers_properties_and_no_pin_pad(found):
    result, features = found["features"]
    assert result == 0
    assert features[:2] == [0x12, 4] and len(features) == 6
    read = properties(found)
    assert read[LCD_LAYOUT] == b"\0\0"
    assert read[FIRMWARE].startswith(b"cardrig")
    assert struct.unpack("<I", read[LONGEST_DATA]) == (65536,)
    assert len(read[VENDOR]) == len(read[PRODUCT]) == 2
    assert found["unknown"] != 0


def test_the_longest_commands_reach_the_card(found):
    result, answer = found["long"]
    assert result == 0 and len(answer) == 2
    assert found["too long"] != 0


# By a client that connects to the reader alone, after its card has gone.
DIRECT_CLIENT = r"""
import json, subprocess, sys
from smartcard.scard import *
subprocess.run([sys.argv[1], "hand", "remove"], check=True, stdout=subprocess.DEVNULL)
context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)[1]
reader = SCardListReaders(context, [])[1][0]
result, card, protocol = SCardConnect(context, reader, SCARD_SHARE_DIRECT, 0)
assert result == 0, SCardGetErrorMessage(result)
print(json.dumps([SCardGetAttrib(card, a) for a in
                  (SCARD_ATTR_ATR_STRING, SCARD_ATTR_ICC_PRESENCE, SCARD_ATTR_ICC_INTERFACE_STATUS)]))
"""


def test_an_empty_reader_has_no_atr_of_the_card_that_was_in_it():
    run = run_exec("/usr/bin/python3", "-c", DIRECT_CLIENT, CARDRIG, options=("--control",), kind="rig")
    assert run.returncode == 0, run.stderr + "\nis the package python3-pyscard installed?"
    (_, atr), (_, presence), (_, contacts) = json.loads(run.stdout)
    assert (atr, presence, contacts) == ([], [0], [0])
