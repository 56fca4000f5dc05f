"""Tag, length and value: BER as cards speak it, DER as certificates are written."""


def encode(tag, *values):
    value = b"".join(values)
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    else:
        octets = (size.bit_length() + 7) // 8
        length = bytes([0x80 | octets]) + size.to_bytes(octets, "big")
    return tag.to_bytes((tag.bit_length() + 7) // 8 or 1, "big") + length + value


def decode(data):
    """The pieces in a row, each as (tag, value, all of it); ValueError where they do not fit."""
    pieces, at = [], 0
    while at < len(data):
        begin = at
        tag, at = _byte(data, at)
        if tag & 0x1F == 0x1F:
            following, at = _byte(data, at)
            tag = tag << 8 | following
            while following & 0x80:
                following, at = _byte(data, at)
                tag = tag << 8 | following
        size, at = _byte(data, at)
        if size >= 0x80:
            octets = size & 0x7F
            if not 1 <= octets <= 3 or at + octets > len(data):
                raise ValueError("a length that cannot be")
            size, at = int.from_bytes(data[at:at + octets], "big"), at + octets
        if at + size > len(data):
            raise ValueError("a value goes beyond the end")
        pieces.append((tag, data[at:at + size], data[begin:at + size]))
        at += size
    return pieces


def find(data, *path):
    """The value of the first piece with a tag, and within it, and so on; None where there is none."""
    for tag in path:
        data = next((value for found, value, _ in decode(data) if found == tag), None)
        if data is None:
            return None
    return data


def _byte(data, at):
    if at >= len(data):
        raise ValueError("it ends too early")
    return data[at], at + 1
