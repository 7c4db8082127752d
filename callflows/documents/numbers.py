"""Phone numbers as the dial policy sees them: strict E.164, its region, and whether dialling it is a special risk.

phonenumbers takes full-width digits, extensions and tel: parameters and drops the rest without a word (measured Nov
2026: ecosystem.md 1.10), so a strict pattern comes first. It is imported when the first number is looked at.
"""

from __future__ import annotations

import re
from functools import lru_cache

_E164 = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)
SPACE = " \t\r\n"  # XML's white space; str.strip() alone takes much more away

# Country codes of networks rather than countries: satellite (870, 881), international networks that resell satellite
# and maritime service (882, 883), personal numbering (878), disaster relief (888), shared cost (808), premium (979).
# 800, international freephone, is none of them.
_NETWORKS = ("870", "878", "881", "882", "883", "888", "808", "979")


def e164(text: str) -> str:
    """`+` and digits; "" when the text is not one number, with or without its plus."""
    found = _E164.fullmatch(text.strip(SPACE))
    return f"+{found[1]}" if found else ""


@lru_cache(maxsize=4096)
def region(number: str) -> str:
    """Two letters; "" when the number is of no region or not valid there."""
    import phonenumbers

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


@lru_cache(maxsize=4096)
def is_valid(number: str) -> bool:
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4096)
def risk(number: str) -> str:
    """What makes the number one that fraud is after, as an adjective; "" for an ordinary number."""
    import phonenumbers
    from phonenumbers import PhoneNumberType

    if number.startswith("+979") or number.startswith("+1900"):
        return "premium-rate"
    if number[1:4] in _NETWORKS:
        return "satellite or international network"
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
    return {
        PhoneNumberType.PREMIUM_RATE: "premium-rate",
        PhoneNumberType.SHARED_COST: "shared-cost",
        PhoneNumberType.PERSONAL_NUMBER: "personal (redirected at a premium)",
    }.get(kind, "")


def is_region(code: str) -> bool:
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS
