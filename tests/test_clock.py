"""The wall clock is the system's, in whole milliseconds."""

import time

from tramontane.clock import clock_ms


def test_it_is_the_time_in_unix_milliseconds() -> None:
    before_s = time.time()
    now_ms = clock_ms()
    assert before_s - 0.001 <= now_ms / 1_000 <= time.time() + 0.001
