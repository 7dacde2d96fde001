"""One closed load without pauses, in a process of its own: `drive.py KIND URL USERS REQUESTS-OF-EACH`; prints JSON.

KIND is `generator`, the one of the project on the import path (which may be another checkout), or `bare`, the least
that aiohttp can do. Imports nothing else of the project for that reason.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experimento.runs.records import Record

Codes = Counter[int | None]  # answers by status; None: there was no answer
_TIMEOUT = 30.0  # seconds


def generator(url: str, users: int, each: int) -> Codes:
    """Put the load on with the project's generator."""
    from experimento.workload.load import Closed, Generator  # noqa: PLC0415 - whichever project is on the path

    codes = Codes()

    def collect(new: "list[Record]") -> None:
        codes.update(record.code for record in new)

    Generator(url, Closed(users, each, 0), timeout=_TIMEOUT).run(collect)
    return codes


def bare(url: str, users: int, each: int) -> Codes:
    """Put the load on with one session of aiohttp; nothing is recorded but the status."""
    return asyncio.run(_bare(url, users, each))


async def _bare(url: str, users: int, each: int) -> Codes:
    import aiohttp  # noqa: PLC0415 - a generator without it does not pay for it

    codes = Codes()
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def use() -> None:
            for _ in range(each):
                async with session.get(url) as response:
                    await response.read()
                codes[response.status] += 1

        await asyncio.gather(*(use() for _ in range(users)))
    return codes


KINDS: dict[str, Callable[[str, int, int], Codes]] = {"generator": generator, "bare": bare}


def main(kind: str, url: str, users: str, each: str) -> None:
    """Put one load on and print what it made, how long it took and what it cost."""
    started, cpu = time.monotonic(), time.process_time()
    codes = KINDS[kind](url, int(users), int(each))
    taken, used = time.monotonic() - started, time.process_time() - cpu
    print(json.dumps({"requests": codes.total(), "not_200": codes.total() - codes[200], "seconds": taken, "cpu": used}))


if __name__ == "__main__":
    main(*sys.argv[1:])
