import time
from email.utils import formatdate

import pytest

from bm25.inference.providers import retry


def test_delays_double_and_are_bounded(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_DELAY", 0.5)
    for attempt, longest in ((1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 8.0), (2000, 8.0)):
        delays = [retry.delay(min(attempt, 1000), None) for _ in range(200)]
        assert longest / 2 <= min(delays) < max(delays) <= longest


def test_a_wait_that_is_asked_for_is_never_shortened():
    assert retry.delay(1, "7") == 7
    assert retry.delay(1, "0") > 0


@pytest.mark.parametrize("value", ["0", "7", "3600", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_what_is_passed_on_as_it_is(value):
    assert retry.retry_after_header(value) == value


def test_parts_of_a_second_are_rounded_up():
    assert retry.retry_after_header(" 1.2 ") == "2"


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-1", "1e3", "٣", "9" * 20, "Wed, 21 Oct 2015 99:28:00 GMT" + " " * 99 + "x"]
)
def test_what_is_not_passed_on(value):
    assert retry.retry_after_header(value) is None


def test_dates():
    assert retry.seconds_until(None) is None
    assert retry.seconds_until("7") == 7
    assert retry.seconds_until("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert 50 < retry.seconds_until(formatdate(time.time() + 60, usegmt=True)) <= 60
    # Without a zone it is GMT, too.
    assert 50 < retry.seconds_until(formatdate(time.time() + 60)) <= 60
