import random
import uuid

import pytest

from comun.errors import MalformedMessage
from comun.ids import from_bytes, new_id, parse_id, requested_at, to_bytes

NOW = 1_790_000_000_123_456
LAST = (1 << 48) * 1000 - 1  # the last microsecond that 48 bits of milliseconds can tell
chance = random.Random(1)
TIMES = [0, 999, 1000, NOW, LAST, *(chance.randint(0, LAST) for _ in range(200))]
MADE = [(now, new_id(now, bits)) for now in TIMES for bits in (0, (1 << 62) - 1, chance.getrandbits(62))]


def test_the_time_of_an_id_comes_back_to_the_microsecond() -> None:
    assert [requested_at(check_id) for _, check_id in MADE] == [now for now, _ in MADE]


def test_an_id_is_a_version_7_uuid_of_rfc_9562() -> None:
    for now, check_id in MADE:
        known = uuid.UUID(check_id)
        assert (known.version, known.variant) == (7, uuid.RFC_4122)
        assert known.int >> 80 == now // 1000
        assert str(known) == check_id == parse_id(check_id)


def test_ids_sort_by_time_as_text_and_as_bytes() -> None:
    by_time = [new_id(now, bits) for bits, now in enumerate(sorted(set(TIMES)))]
    chance.shuffle(shuffled := by_time[:])
    assert sorted(shuffled) == by_time
    assert sorted(shuffled, key=to_bytes) == by_time


def test_sixteen_bytes_hold_a_whole_id() -> None:
    for _, check_id in MADE:
        assert len(to_bytes(check_id)) == 16
        assert from_bytes(to_bytes(check_id)) == check_id


def test_random_bits_beyond_62_do_not_reach_the_variant() -> None:
    assert parse_id(new_id(NOW, (1 << 80) - 1)) == new_id(NOW, (1 << 62) - 1)


GOOD = new_id(NOW, 7)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"0",
        ["a"],
        "",
        GOOD.upper(),  # one way to write an id, so that it is one key in the store
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace("-", ""),
        "{" + GOOD + "}",
        str(uuid.UUID(int=0)),
        str(uuid.uuid5(uuid.NAMESPACE_DNS, "a")),  # another version
        GOOD[:14] + "73e8" + GOOD[18:],  # 1000 microseconds
        GOOD[:19] + "0" + GOOD[20:],  # another variant
        GOOD[:-1] + "g",
        GOOD[:-1] + "٣",  # a digit, but not one of ours
    ],
)
def test_what_is_no_id_of_ours_is_refused(text: object) -> None:
    with pytest.raises(MalformedMessage, match="no es un id de consulta"):
        parse_id(text)


def test_the_error_does_not_repeat_a_whole_hostile_text() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_id("x" * 1_000_000)
    assert len(str(caught.value)) < 150
