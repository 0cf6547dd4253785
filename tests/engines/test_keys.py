"""The engine's derived key."""

from tramontane.engines.keys import engine_key

PEPPER = bytes(range(32))


def test_a_key_is_the_same_each_time_and_fits_a_header() -> None:
    key = engine_key(PEPPER, "demo", "0123")
    assert key == engine_key(PEPPER, "demo", "0123")
    assert len(key) == 64
    assert key.isascii()
    assert key.isalnum()


def test_another_start_deployment_or_platform_has_another_key() -> None:
    keys = {
        engine_key(PEPPER, "demo", "0123"),
        engine_key(PEPPER, "demo", "0124"),
        engine_key(PEPPER, "demo0", "123"),
        engine_key(PEPPER[::-1], "demo", "0123"),
        engine_key(PEPPER, "démo", "0123"),
    }
    assert len(keys) == 5
