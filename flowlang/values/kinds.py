"""The kinds of value that JSON does not have: exact decimals with their bounds, durations, timestamps, and `ABSENT`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final, NoReturn, final

Value = Any  # None, bool, int, Decimal, str, Duration, Timestamp, list or dict of these

MIN_INT, MAX_INT = -(2**63), 2**63 - 1
MAX_DEPTH = 100  # of lists and maps in each other
MAX_SIZE = 16 * 1024 * 1024  # of one value: characters of JSON, or an estimate of them
MAX_TEXT = 4 * 1024 * 1024  # of JSON that comes from outside, so that the worst text is refused or read in two seconds

# 34 digits as in decimal128, but the exponents of a binary64: whoever reads our JSON with ordinary floats must not find
# an infinity where we had a number, so 1e999 is refused when it comes in and an overflow when it is computed.
DECIMALS: Final = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-324,
    Emax=308,
    capitals=0,
    clamp=0,
    flags=[],
    traps=[DivisionByZero, InvalidOperation, Overflow],
)

_UNITS: Final = (("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_DURATION: Final = re.compile(
    r"(-)?(?=[0-9])(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m(?!s))?(?:([0-9]+)s)?(?:([0-9]+)ms)?"
)
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,30}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in whole milliseconds, negative ones too; at most ten thousand years."""

    ms: int

    LIMIT = 315_576_000_000_000

    def __str__(self) -> str:
        """One number with the largest unit that is exact: `3d`, `90s`, `0s`."""
        if self.ms == 0:
            return "0s"
        unit, size = next((unit, size) for unit, size in _UNITS if self.ms % size == 0)
        return f"{self.ms // size}{unit}"

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `3d`, `1m30s`, `-5s`: units from the largest to the smallest. Raises ValueError."""
        found = _DURATION.fullmatch(text) if len(text) <= 100 else None
        if found is None:
            raise ValueError(f"`{text[:100]}` is not a duration such as `3d` or `1m30s`")
        ms = sum(
            int(count) * size for count, (_, size) in zip(found.groups()[1:], _UNITS, strict=True) if count is not None
        )
        if ms > cls.LIMIT:
            raise ValueError(f"`{text}` is longer than ten thousand years")
        return cls(-ms if found[1] else ms)


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time: whole microseconds since 1970-01-01T00:00:00Z, from year 1 to year 9999."""

    us: int

    FIRST = -62_135_596_800_000_000
    LAST = 253_402_300_799_999_999

    @property
    def ms(self) -> int:
        """Milliseconds since 1970, rounded up, so that whoever waits until then never wakes early."""
        return -(-self.us // 1000)

    @classmethod
    def of_ms(cls, ms: int) -> Timestamp:
        """The point `ms` milliseconds after 1970."""
        return cls(ms * 1000)

    def __str__(self) -> str:
        """RFC 3339 in UTC, with as many digits of the second as needed: `2026-01-03T00:00:00.5Z`."""
        day, rest = divmod(self.us, _DAY_US)
        year, month, day = _date(day)
        seconds, us = divmod(rest, 1_000_000)
        fraction = f".{us:06}".rstrip("0") if us else ""
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{year:04}-{month:02}-{day:02}T{clock}{fraction}Z"

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """Read RFC 3339; digits beyond the microsecond are cut off. Raises ValueError."""
        found = _TIMESTAMP.fullmatch(text) if len(text) <= 100 else None
        if found is None:
            raise ValueError(f"`{text[:100]}` is not a date-time such as `2026-01-03T00:00:00Z`")
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        fraction, sign, ahead_h, ahead_m = found.groups()[6:]
        ahead = int(ahead_h) * 60 + int(ahead_m) if sign else 0
        fits = year >= 1 and 1 <= month <= 12 and hour <= 23 and minute <= 59 and second <= 59
        if (
            not fits
            or not 1 <= day <= _month_length(year, month)
            or (sign and (int(ahead_h) > 23 or int(ahead_m) > 59))
        ):
            raise ValueError(f"`{text}` names a date or time that does not exist")
        minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - (-ahead if sign == "-" else ahead)
        us = (minutes * 60 + second) * 1_000_000 + int((fraction or "0")[:6].ljust(6, "0"))
        if not cls.FIRST <= us <= cls.LAST:
            raise ValueError(f"`{text}` is outside of the years 1 to 9999 in UTC")
        return cls(us)


@final
class Absent:
    """The class of `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> NoReturn:
        raise AssertionError("ABSENT is neither true nor false: compare with `is ABSENT`")


ABSENT: Final = Absent()


def decimal_text(number: Decimal) -> str:
    """A decimal normalised: `120.5`, `3`, `0`; with an exponent only where the digits alone would be long: `1e40`."""
    if not number:
        return "0"
    number = number.normalize(DECIMALS)
    exponent = int(number.as_tuple().exponent)
    if exponent >= -40 and number.adjusted() < 34:
        return f"{number:f}"
    return str(number).lower().replace("e+", "e")


def whole_number(digits: str) -> int | Decimal | None:
    """The whole number that these decimal digits, with a sign perhaps, stand for: an integer if it has 64 bits, else the
    same as a decimal, since a schema may want one; None where no decimal is exactly that."""
    if len(digits) <= 20 and MIN_INT <= int(digits) <= MAX_INT:
        return int(digits)
    if len(digits) > 310:
        return None
    number = DECIMALS.create_decimal(digits)
    return number if number == Decimal(digits) else None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01. Years are counted from March, so that the leap day is a year's last."""
    if month <= 2:
        year, month = year - 1, month + 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719_469


def _date(days: int) -> tuple[int, int, int]:
    """The inverse of `_days`."""
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    late = month >= 10
    return era * 400 + year + late, month + (-9 if late else 3), day + 1


def _month_length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
