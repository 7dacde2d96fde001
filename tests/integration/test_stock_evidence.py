"""What became of the stock system's checks: answered, twice, still in a message, or gone."""

import json
from pathlib import Path
from typing import cast

from comun import store
from comun.ids import new_id
from experimento.faults.stock_evidence import ANSWERS, TAKEN, reconciled
from experimento.runs.records import Outcome, Record
from experimento.runs.run_folder import Run
from tests.support.broker_process import stranger

START = 1_795_000_000_000_000


def test_only_what_no_message_holds_any_more_is_lost(broker_url: str, tmp_path: Path) -> None:
    answered, twice, waiting, taken, gone, refused = ids = [new_id(START + number, number) for number in range(6)]
    records = [
        Record(check_id, START, START, START + 10, Outcome.REFUSED if check_id == refused else Outcome.ACCEPTED, 200)
        for check_id in ids
    ]
    (tmp_path / ANSWERS).write_text("".join(f"{each} 1 {START + 50}\n" for each in (answered, twice, twice, refused)))
    client = store.connect(broker_url)
    for check_id in (taken, waiting):
        stranger(broker_url).send_task("platform_request", [check_id], queue="platform")
    message = json.loads(cast(str, client.rpop("platform")))
    client.hset(TAKEN, "a tag", json.dumps([message, "", "platform"]))
    run, unknown = reconciled(Run("run", records), tmp_path / ANSWERS, broker_url)
    assert run.reconciliation is not None
    counts = {kind: run.reconciliation[kind]["count"] for kind in ("lost", "duplicated")}
    assert (counts, run.reconciliation["in_flight"], unknown) == ({"lost": 1, "duplicated": 1}, 2, 1)
    assert set(run.trails) == {answered, twice, refused}
    assert gone not in run.trails
