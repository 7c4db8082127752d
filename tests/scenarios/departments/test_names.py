"""A transfer that names a department."""

from __future__ import annotations

import pytest

from callflows.errors import CallflowsError
from callflows.simulator.rehearsing import Phone


def test_one_that_is_not_in_the_table_is_refused_before_the_call_is_touched(phone: Phone) -> None:
    phone.number("+14155550123", after=3)
    caller = phone.dial("forward", {"to": "+14155550123", "caller_id": "+14155550100"})
    caller.is_connected_to("+14155550123")
    with pytest.raises(CallflowsError, match="no row 'slaes'"):
        phone.transfer(caller, aleg="departments", params={"department": "slaes"})
    caller.is_connected_to("+14155550123")
