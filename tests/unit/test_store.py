import errno
import socket

import pytest
import redis
from redis._parsers.base import BaseParser

from comun import store
from comun.errors import StoreUnavailable


def failed(cause: Exception) -> redis.ConnectionError:
    """The client's error as it is raised from one of the operating system's."""
    try:
        try:
            raise cause
        except OSError:
            raise redis.ConnectionError("Error 111 connecting to 10.0.0.1:6379. Connection refused.")  # noqa: B904
    except redis.ConnectionError as error:
        return error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (failed(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")), "nadie escucha en esa dirección"),
        (failed(socket.gaierror(-2, "Name or service not known")), "nombre de equipo desconocido"),
        (redis.TimeoutError("Timeout connecting to server"), "sin respuesta a tiempo"),
        (redis.AuthenticationError("invalid username-password pair"), "rechaza el usuario o la contraseña"),
        (redis.ConnectionError("Connection closed by server."), "ConnectionError"),
    ],
)
def test_why_a_broker_does_not_answer_is_said_in_words(error: redis.RedisError, why: str) -> None:
    with pytest.raises(StoreUnavailable, match=f"^el broker no responde: {why}$"), store.translated():
        raise error


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://:secreto@broker:6379/0", "redis://***@broker:6379/0"),
        ("rediss://ana:se%40creto@broker/0?password=secreto", "rediss://***@broker/0"),
        ("unix://:secreto@/var/broker.sock?db=1", "unix://***@/var/broker.sock"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(url: str, shown: str) -> None:
    assert store.masked(url) == shown


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
