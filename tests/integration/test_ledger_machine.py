"""Any order of deliveries, redeliveries, crashes, restarts and people's doings: each event is one line, for ever."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from comun.ledger_format import Committed
from comun.messages import Hop
from log_manager import ledger as ledger_module
from log_manager.files import AppendedFile
from log_manager.ledger import Ledger
from log_manager.lines import bit
from tests.support.ledger import FILES, START, committed, known_row, line_of, status_of, statuses_of, told_by

LOGS, ANSWERS = FILES
NUMBERS = range(6)  # few checks, so that they meet often
WRITERS = st.integers(0, 1)  # two worker processes on one directory
BATCHES = st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=4)
# Where a writer is killed: in which step, on which file, and how much of the block had reached the file then.
CRASHES = st.none() | st.tuples(
    st.sampled_from(["before settling", "after settling", "appending", "after the commit"]),
    st.sampled_from(FILES),
    st.integers(0, 700),
)
Crash = tuple[str, str, int] | None
OURS = {LOGS: {line_of(number, hop) for number in NUMBERS for hop in Hop}, ANSWERS: set(statuses_of(*NUMBERS))}


class Killed(BaseException):
    """The process died here."""


class MortalFile(AppendedFile):
    """A file whose writer can be killed in the middle of it."""

    crash: Crash = None
    rest = b""  # what a killed writer did not bring into the file any more

    def _dies(self, step: str) -> bool:
        return self.crash is not None and self.crash[:2] == (step, self.path.name)

    def settle(self, known: Committed | None) -> Committed:
        if self._dies("before settling"):
            raise Killed
        result = super().settle(known)
        if self._dies("after settling"):
            raise Killed
        return result

    def append(self, known: Committed, block: str) -> Committed:
        result = super().append(known, block)
        if self._dies("appending"):
            assert self.crash is not None
            os.truncate(self.path, min(known.length + self.crash[2], result.length))
            self.rest = block.encode()[self.crash[2] :]
            raise Killed
        return result


class LedgerMachine(RuleBasedStateMachine):
    """The model: which events each check has had, what people added, and what older files held."""

    @initialize()
    def start(self) -> None:
        self.patch = mock.patch.object(ledger_module, "AppendedFile", MortalFile)
        self.patch.start()
        self.scratch = tempfile.TemporaryDirectory()
        self.directory = Path(self.scratch.name)
        self.outbox = {told_by(Hop.REQUESTED, number).id for number in NUMBERS}  # each was accepted before it travels
        self.writers = [self._start() for _ in range(2)]
        self.events: set[tuple[int, Hop]] = set()
        self.answers: list[str] = []
        self.plain: set[str] = set()
        self.older: dict[str, list[str]] = {name: [] for name in FILES}  # lines from before people changed the file
        self.expected: dict[str, list[str]] = {name: [] for name in FILES}  # those of them that must still be there
        self.gone_over = dict.fromkeys(FILES, 0)  # bytes at the start of each file that somebody edited
        self.theirs: dict[str, list[bytes]] = {name: [] for name in FILES}  # what people added and did not destroy
        self.appended: set[str] = set()  # files to which people added anything, ever
        self.copied: set[str] = set()  # those to which it was a copy of what stood there
        self.left: set[str] = set()  # files that people changed and no writer has looked at since
        self.rests = dict.fromkeys(FILES, b"")  # what killed writers were about to append
        self.copies = 0  # files that people rotated

    # --- the log manager

    @rule(writer=WRITERS, hop=st.sampled_from(Hop), numbers=BATCHES, crash=CRASHES)
    def deliver(self, writer: int, hop: Hop, numbers: list[int], crash: Crash) -> None:
        batch = [told_by(hop, number) for number in numbers]
        if self._survives(writer, lambda ledger: ledger.record(hop, batch), crash):
            for number in numbers:
                self._happened(number, hop)

    @rule(writer=WRITERS, task_id=st.sampled_from(["a", "b", "c"]), crash=CRASHES)
    def deliver_plain(self, writer: int, task_id: str, crash: Crash) -> None:
        line = f"[2026-01-02 03:04:05.000006] - Otro - tarea {task_id} ñ"
        if self._survives(writer, lambda ledger: ledger.record_plain(task_id, line + "\n"), crash):
            self.plain.add(line)

    @rule(writer=WRITERS)
    def restart(self, writer: int) -> None:
        self.writers[writer].close()
        self.writers[writer] = self._start()

    def _start(self) -> Ledger:
        return Ledger(self.directory, lambda ids: [check_id for check_id in ids if check_id in self.outbox])

    @rule(numbers=st.sets(st.sampled_from(NUMBERS)))
    def finish(self, numbers: set[int]) -> None:
        """What has ended in the ledger leaves the outbox, at once or much later."""
        ended = {number for number, hop in self.events if hop >= Hop.RECEIVED}
        self.outbox -= {told_by(Hop.REQUESTED, number).id for number in numbers & ended}

    @rule(writer=WRITERS, share=st.floats(0, 1), crash=CRASHES)
    def cut_the_ledger(self, writer: int, share: float, crash: Crash) -> None:
        before = START + round(share * len(NUMBERS)) * 1_000
        self._survives(writer, lambda ledger: ledger.cut(before), crash)

    # --- people

    @rule(name=st.sampled_from(FILES))
    def rotate(self, name: str) -> None:
        if (path := self.directory / name).exists():
            self._leave_behind(name)
            self._is_another(name)
            self.copies += 1
            path.rename(self.directory / f"{name}.{self.copies}")

    @rule(name=st.sampled_from(FILES))
    def delete(self, name: str) -> None:
        if (path := self.directory / name).exists():
            self._leave_behind(name)
            self._destroyed(name)
            self._is_another(name)
            path.unlink()

    @rule(name=st.sampled_from(FILES), share=st.floats(0, 0.99))
    def cut(self, name: str, share: float) -> None:
        path = self.directory / name
        if path.exists() and (length := committed(self.directory, name)["length"]):
            self._leave_behind(name)
            self._destroyed(name)
            # At least two bytes: the end of the last line alone is put back.
            os.truncate(path, max(0, min(int(length * share), length - 2)))
            self._was_edited(name)

    @rule(name=st.sampled_from(FILES), text=st.sampled_from(["una nota\n", "sin fin de línea", "[", "copy"]))
    def append(self, name: str, text: str) -> None:
        path = self.directory / name
        if (
            path.exists() and name not in self.left
        ):  # cut and filled up again between two looks is beyond what can be noticed
            added = path.read_bytes()[-60:] if text == "copy" else text.encode()
            if text == "copy":
                self.copied.add(name)
            if added and self.rests[name].startswith(added):
                return  # until the log manager looks, nobody can tell it from what a killed writer appended
            with path.open("ab") as file:
                file.write(added)
            self.theirs[name].append(added)
            self.appended.add(name)

    @rule(name=st.sampled_from(FILES), share=st.floats(0, 1), text=st.sampled_from(["una nota\n", "x" * 300]))
    def edit(self, name: str, share: float, text: str) -> None:
        path, mark = self.directory / name, committed(self.directory, name)
        length, start = mark["length"], max(mark["base"], self.gone_over[name])
        if not path.exists() or start >= length or path.stat().st_size != length or name in self.left:
            return  # behind what a killed writer left, an edit would keep it for ever
        data = path.read_bytes()
        place = int(start + share * (length - 2 - start))
        edited = data[:place] + text.encode() + data[place:]
        if edited[length - 1 : length] == b"\n":
            return  # it looks like lines that were added at the end, and those are kept aside
        self._leave_behind(name)
        path.write_bytes(edited)
        self._was_edited(name)
        self.theirs[name].append(text.encode())

    # --- what must hold

    def teardown(self) -> None:
        if not hasattr(self, "writers"):
            return
        try:
            self.restart(0)
            self.writers[0].record(Hop.REQUESTED, [])  # both files are brought to their committed length
            self._check_lines()
            self._check_rows()
            self._check_theirs()
            for name in FILES:
                self._check_what_is_before(name)
        finally:
            for writer in self.writers:
                writer.close()
            self.patch.stop()
            self.scratch.cleanup()

    def _check_lines(self) -> None:
        logs = self.older[LOGS] + self._ours(LOGS)
        assert Counter(logs) == Counter([line_of(number, hop) for number, hop in self.events] + sorted(self.plain))
        assert self.older[ANSWERS] + self._ours(ANSWERS) == self.answers  # in the order of their commits

    def _check_rows(self) -> None:
        logs, answers = (self.expected[name] + self._ours(name) for name in FILES)
        numbers: list[int] = []
        for number in {number for number, _ in self.events}:
            if (found := known_row(self.directory, number)) is None:
                self._check_cut(number, logs)
                continue
            hops = {hop for hop in Hop if (number, hop) in self.events}
            assert found["hops"] == sum(map(bit, hops))
            here = {hop for hop in hops if line_of(number, hop) in logs}
            assert (found["archived"] or 0) & (found["hops"] or 0) == sum(map(bit, hops - here))
            if found["line"] is not None:
                assert answers[found["line"]] == status_of(number).text
                numbers.append(found["line"])
        assert sorted(numbers) == list(range(len(answers)))

    def _check_cut(self, number: int, logs: list[str]) -> None:
        """Only what has ended, left the outbox and stands in no present file may leave the ledger."""
        hops = {hop for hop in Hop if (number, hop) in self.events}
        assert hops & {Hop.RECEIVED, Hop.ABANDONED}
        assert told_by(Hop.REQUESTED, number).id not in self.outbox
        assert not {line_of(number, hop) for hop in hops} & set(logs)

    def _check_theirs(self) -> None:
        everything = b"\0".join(path.read_bytes() for path in self.directory.glob("*.txt*") if path.suffix != ".block")
        for added in self.theirs[LOGS] + self.theirs[ANSWERS]:
            assert added in everything
        kept = {path.name.split(".ajeno-")[0] for path in self.directory.glob("*.ajeno-*")}
        assert kept <= self.appended  # nothing of ours is taken for theirs

    def _check_what_is_before(self, name: str) -> None:
        """Lines of ours above the place where ours begin were committed in an older state of the file."""
        path, base = self.directory / name, committed(self.directory, name)["base"]
        before = Counter(path.read_bytes()[:base].decode(errors="replace").split("\n"))
        ours = set(self.older[name]) | set(self._ours(name)) | self.plain
        if name not in self.copied:
            assert Counter({line: count for line, count in before.items() if line in ours}) <= Counter(self.older[name])

    def _ours(self, name: str) -> list[str]:
        """The lines of ours in a file that nobody went over: what is committed, after what was there before."""
        path, mark = self.directory / name, committed(self.directory, name)
        if not path.exists() or path.stat().st_size < mark["length"]:
            return []
        data = path.read_bytes()
        start = max(mark["base"], self.gone_over[name])
        assert start == 0 or data[start - 1 : start] == b"\n"
        block = data[start : mark["length"]].decode()
        assert block.endswith("\n") or not block
        assert block.count("\n") + len(self.expected[name]) == mark["lines"]
        return block.split("\n")[:-1]

    def _leave_behind(self, name: str) -> None:
        """Note the lines of a file that is about to become an older one, once until the log manager looks again.

        What a killed writer left behind the committed length goes with it: nobody can cut that any more.
        """
        if name not in self.left:
            ours = self._ours(name)
            self.older[name] += ours
            self.expected[name] += ours
            self.left.add(name)

    def _is_another(self, name: str) -> None:
        self.expected[name], self.gone_over[name] = [], 0

    def _was_edited(self, name: str) -> None:
        """Expect all lines of ours to be there still, unless none is."""
        data = (self.directory / name).read_bytes()
        if self.expected[name] and OURS[name].intersection(data.decode(errors="replace").split("\n")):
            self.gone_over[name] = len(data) + (not data.endswith(b"\n"))
        else:
            self._is_another(name)

    def _destroyed(self, name: str) -> None:
        self.theirs[name].clear()

    def _happened(self, number: int, hop: Hop) -> None:
        had = {event for event in Hop if (number, event) in self.events}
        if Hop.ABANDONED in had or (hop is Hop.ABANDONED and Hop.RECEIVED in had):
            return
        told = {Hop.REQUESTED, Hop.ABANDONED} if hop is Hop.ABANDONED else {event for event in Hop if event <= hop}
        self.events |= {(number, event) for event in told}
        if Hop.RECEIVED in told - had:
            self.answers.append(status_of(number).text)

    def _survives(self, writer: int, act: Callable[[Ledger], object], crash: Crash) -> bool:
        """Act, perhaps until death; tell whether it was committed."""
        ledger, late = self.writers[writer], crash is not None and crash[0] == "after the commit"
        for file in ledger._files.values():
            assert isinstance(file, MortalFile)
            file.crash = crash
        try:
            act(ledger)
        except Killed:
            if crash is not None and crash[0] == "appending":
                self.left.clear()
                self.rests = {name: file.rest for name, file in ledger._files.items()}  # type: ignore[attr-defined]
            self.restart(writer)
            return False
        self.left.clear()
        self.rests = dict.fromkeys(FILES, b"")
        for file in ledger._files.values():
            file.crash = None  # type: ignore[attr-defined]
        if late:
            self.restart(writer)  # before the message was acknowledged: it may well come again
        return True


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=150,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
