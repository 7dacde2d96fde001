import pytest
import redis

from comun import store
from comun.errors import StoreUnavailable


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("Connection refused"),
        redis.TimeoutError("Timeout reading from socket"),
        redis.AuthenticationError("invalid password"),
        redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
        redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
        redis.ResponseError(
            "Command # 1 (ZADD k 1 m) of pipeline caused error: MISCONF Errors writing to the AOF file"
        ),
        redis.ResponseError("BUSY Redis is busy running a script."),
        redis.ResponseError(
            "WRONGTYPE Operation against a key holding the wrong kind of value"
        ),  # until a heartbeat sets it aside
    ],
)
def test_what_time_can_mend_is_told_as_such(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=r"^el broker no ") as caught, store.translated():
        raise error
    assert caught.value.retry_after
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        redis.ResponseError("unknown command 'ZADDD'"),
        redis.DataError("Invalid input of type: 'NoneType'"),
        ValueError("a defect of ours"),
    ],
)
def test_what_trying_again_cannot_mend_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, store.translated():
        raise error
    assert caught.value is error
