"""Scripts: what the store's Lua scripts share: commands as arguments, and writes that are done only once."""

import os
import uuid
from collections.abc import Iterable
from typing import NamedTuple

Command = tuple[str | int, ...]  # of the store

ASIDE_KEPT = 9  # keys of one name kept aside; what comes after them is dropped

# Moves a key that somebody gave another type aside, under the first name that is free.
SET_ASIDE = f"""
local function set_aside(key)
  if redis.call('EXISTS', key) == 0 then return '' end
  for number = 1, {ASIDE_KEPT} do
    local name = key .. ':ajeno' .. (number > 1 and '-' .. number or '')
    if redis.call('RENAMENX', key, name) == 1 then return name end
  end
  redis.call('DEL', key)
  return ''
end
"""

# Runs the commands in ARGV from `place` on, each preceded by its number of words; its second word is its key. What
# stands there and cannot be counted on (another type, no number) makes way: the write has begun and must not stop.
RUN = f"""{SET_ASIDE}
local function make_way(name, key, field, reason)
  if string.find(reason, 'WRONGTYPE', 1, true) then
    set_aside(key)
  elseif string.find(reason, 'not an integer', 1, true) or string.find(reason, 'overflow', 1, true) then
    if name == 'HINCRBY' then redis.call('HDEL', key, field) else redis.call('DEL', key) end
  end
end
local function run(place)
  while place <= #ARGV do
    local last = place + ARGV[place]
    local answer = redis.pcall(unpack(ARGV, place + 1, last))
    if type(answer) == 'table' and answer.err then
      make_way(ARGV[place + 1], ARGV[place + 2], ARGV[place + 3], answer.err)
      redis.call(unpack(ARGV, place + 1, last))
    end
    place = last + 1
  end
end
"""

# Tells whether a write is new, and remembers its number for a day: longer than any clock is wrong and any retry lasts.
# Stands after RUN. What somebody put there that is no such number makes way: no heartbeat knows of the key.
IS_NEW = """
local function is_new(key, number)
  local last = redis.pcall('GET', key)
  if type(last) == 'table' then
    set_aside(key)
    last = false
  end
  if last and #last <= 16 and (tonumber(last) or 0) >= tonumber(number) then return false end
  redis.call('SET', key, number, 'EX', 86400)
  return true
end
"""


class Write(NamedTuple):
    """The identity of a write, which a retry keeps."""

    writer: str
    number: int


UNNUMBERED = Write("", 0)


class Writer:
    """Numbers the writes of one process, of which it makes one after the other (Kafka's idempotent producer).

    The store keeps the last number of each writer, so a write that comes again, or too late, does nothing.
    """

    def __init__(self) -> None:
        self._pid = 0
        self._name = ""
        self._number = 0

    def next(self) -> Write:
        """Return the identity of the next write."""
        if self._pid != os.getpid():  # a child that was forked is another writer
            self._pid, self._name, self._number = os.getpid(), uuid.uuid4().hex, 0
        self._number += 1
        return Write(self._name, self._number)


def words(commands: Iterable[Command]) -> list[str | int]:
    """Return commands as the arguments that RUN takes."""
    return [word for command in commands for word in (len(command), *command)]
