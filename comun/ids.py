"""Check ids: UUID version 7 whose time has microseconds, so that an id alone tells when it was requested."""

import re
import uuid

from comun.errors import MalformedMessage
from comun.language import _

_SHAPE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-3][0-9a-f]{2}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").fullmatch


def new_id(now: int, random_bits: int) -> str:
    """Make an id from `now` (microseconds since the epoch) and 62 random bits.

    RFC 9562, section 5.7 with method 3 of section 6.2: the 12 bits after the milliseconds hold the
    microseconds (0 to 999), so ids sort by time and `requested_at` gives `now` back exactly.
    """
    milliseconds, microseconds = divmod(now, 1000)
    text = f"{(milliseconds << 16) | 0x7000 | microseconds:016x}{(0b10 << 62) | random_bits & (1 << 62) - 1:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def requested_at(check_id: str) -> int:
    """Return the microseconds since the epoch at which the id was made."""
    head = int(check_id[:8] + check_id[9:13] + check_id[14:18], 16)
    return (head >> 16) * 1000 + (head & 0xFFF)


def parse_id(text: object) -> str:
    """Return the id in canonical form, or raise MalformedMessage if it is not one of ours."""
    if isinstance(text, str) and _SHAPE(text) and text[15:18] < "3e8":  # 0x3e8 is 1000
        return text
    raise MalformedMessage(_("no es un id de consulta (UUIDv7): {shown!r}", shown=str(text)[:64]))


def to_bytes(check_id: str) -> bytes:
    """Return the 16 bytes of an id; they sort by time as the text does."""
    return bytes.fromhex(check_id.replace("-", ""))


def from_bytes(raw: bytes) -> str:
    """Return the canonical text of 16 bytes."""
    return str(uuid.UUID(bytes=raw))
