"""The console: lines stay whole however a stream is cut."""

from hypothesis import given, settings
from hypothesis import strategies as st

from experimento.supervision.lines import Lines


@settings(deadline=None)  # no test asserts how long something took
@given(st.lists(st.sampled_from([b"a", b"b\n", b"\n", "é".encode(), b"c\r"]), max_size=30), st.integers(1, 7))
def test_lines_come_out_whole_and_in_order_however_the_stream_is_cut(pieces: list[bytes], size: int) -> None:
    stream = b"".join(pieces)
    voice = Lines()
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    outputs = [voice.feed(chunk) for chunk in chunks] + [voice.end()]
    assert all(output == b"" or output.endswith(b"\n") for output in outputs)
    lines = stream.replace(b"\r", rb"\r").split(b"\n")
    expected = b"".join(line + b"\n" for line in (lines if lines[-1] else lines[:-1]))
    assert b"".join(outputs) == expected
