import pytest
import redis
from redis._parsers.base import BaseParser

from comun import store
from comun.errors import StoreUnavailable


def parsed(reply: str) -> redis.RedisError:
    """The error that redis-py makes of a reply."""
    error: redis.RedisError = BaseParser.parse_error(reply)
    return error


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("Connection refused"),
        redis.TimeoutError("Timeout reading from socket"),
        redis.AuthenticationError("invalid password"),
        parsed("LOADING Redis is loading the dataset in memory"),
        parsed("READONLY You can't write against a read only replica."),
        parsed("OOM command not allowed when used memory > 'maxmemory'."),
        parsed(f"ERR Error running script (call to f_{'0' * 40}): @user_script:3: -OOM command not allowed"),
        parsed(f"ERR Error running script (call to f_{'0' * 40}): @user_script: 3: -MISCONF Errors writing"),
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
        parsed("ERR unknown command 'x', with args beginning with: 'MISCONF BUSY OOM '"),  # words are no codes
        parsed("NOPERM User default has no permissions to run MISCONF command"),
        redis.ResponseError("Command # 1 (SET a MISCONF ) of pipeline caused error: ERR syntax MISCONF error"),
        redis.DataError("Invalid input of type: 'NoneType'"),
        ValueError("a defect of ours"),
    ],
)
def test_what_trying_again_cannot_mend_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, store.translated():
        raise error
    assert caught.value is error


def test_what_the_broker_refuses_is_counted_by_its_code() -> None:
    before = store.refusals["NOREPLICAS"]
    for _ in range(2):
        with pytest.raises(StoreUnavailable), store.translated():
            raise parsed("NOREPLICAS Not enough good replicas to write.")
    assert store.refusals["NOREPLICAS"] == before + 2
