"""The encodings of postcard that Handoff's messages use (crates/wire/PROTOCOL.md, "Values").

Encoders return bytes; a struct is its fields' bytes one after the other.
"""

import struct

U64_MAX = 2**64 - 1


def varint(number):
    """An unsigned integer: seven bits a byte, the lowest first, the top bit says that more follow."""
    if not 0 <= number <= U64_MAX:
        raise ValueError(f"{number} is not an unsigned integer of 64 bits")
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number):
    """A signed integer: zigzag (0, -1, 1, -2 … are 0, 1, 2, 3 …), then as an unsigned one."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def boolean(value):
    return b"\x01" if value else b"\x00"


def byte(number):
    """A u8: just itself."""
    return bytes([number])


def data(value):
    """Bytes: how many, then they."""
    return varint(len(value)) + value


def text(value):
    """A string: as bytes, in UTF-8."""
    return data(value.encode())


def option(value, encode):
    """0 for nothing; else 1 and the value."""
    return b"\x00" if value is None else b"\x01" + encode(value)


def double(value):
    """An f64: its eight bytes, the lowest first."""
    return struct.pack("<d", value)


class Malformed(ValueError):
    """The bytes are not the message that was due."""


class Reader:
    """Takes values from the front of a body. Every length is checked against what is there."""

    def __init__(self, body):
        self._body = body
        self._at = 0

    def raw(self, count):
        end = self._at + count
        if end > len(self._body):
            raise Malformed(f"{count} bytes are due, {len(self._body) - self._at} are left")
        taken = self._body[self._at : end]
        self._at = end
        return bytes(taken)

    def varint(self):
        number = 0
        for shift in range(0, 70, 7):
            part = self.raw(1)[0]
            number |= (part & 0x7F) << shift
            if part < 0x80:
                if number > U64_MAX:
                    break
                return number
        raise Malformed("a number is longer than 64 bits")

    def signed(self):
        number = self.varint()
        return number >> 1 if number & 1 == 0 else -(number >> 1) - 1

    def boolean(self):
        value = self.byte()
        if value > 1:
            raise Malformed(f"a bool is 0 or 1, not {value}")
        return value == 1

    def byte(self):
        return self.raw(1)[0]

    def data(self):
        return self.raw(self.varint())

    def text(self):
        return self.data().decode()

    def option(self, decode):
        return decode() if self.boolean() else None

    def sequence(self, decode):
        return [decode() for _ in range(self.varint())]

    def end(self):
        """To be called last: bytes left over are an error too."""
        left = len(self._body) - self._at
        if left:
            raise Malformed(f"{left} bytes follow the end of the message")
