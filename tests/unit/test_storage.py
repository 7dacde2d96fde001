from pathlib import Path

from experimento.supervision import storage


def test_the_size_of_a_directory_is_that_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "a").write_bytes(bytes(1_000))
    (tmp_path / "b").write_bytes(bytes(500))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert 1_500 <= storage.size_of(tmp_path) < 2_000
    assert storage.size_of(tmp_path / "nowhere") == 0


def test_what_can_be_done_is_said_only_where_it_is_much() -> None:
    assert storage.told(Path("/var/x"), 1_234_567) == "/var/x ocupa 1,2 MB."
    told = storage.told(Path("/var/x"), storage.LARGE)
    assert told.startswith("/var/x ocupa 30,0 MB. ")
    assert "MONITOR_RESULTS_KEPT" in told
    assert "LEDGER_KEPT" in told
