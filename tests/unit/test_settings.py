import dataclasses
from pathlib import Path

import pytest

from comun.errors import ConfigurationError
from comun.figures import THIN
from comun.language import speaking
from comun.settings import Settings, is_configured, shut_out_others

WHOLE, FRACTION = "un número entero entre", "un número entre"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.load({}) == Settings()


def test_every_default_is_a_value_that_is_allowed() -> None:
    environment = Settings().environment({})
    assert set(environment) == {field.metadata["variable"] for field in dataclasses.fields(Settings)}
    assert Settings.load(environment) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("BROKER_URL", "amqp://localhost", "una dirección redis://…, rediss://… o unix://…"),
        ("BROKER_URL", "localhost:6379", "una dirección redis://"),
        ("BROKER_URL", "redis://:ab/cd@h:1/0", "se escriben %25 %2F"),
        ("BROKER_URL", "redis://:12/cd@h:1/0", "se escriben"),
        ("BROKER_URL", "redis://:ab#cd@h:1/0", "se escriben"),
        ("BROKER_URL", "redis://:12?cd@h:1/0", "se escriben"),
        ("BROKER_URL", "redis://:a[b@h:1/0", "se escriben"),
        ("BROKER_URL", "redis://h:port/0", "se escriben"),
        ("BROKER_URL", "unix://var/broker.sock", "una dirección unix://usuario"),
        ("BROKER_URL", "unix://:ab/cd@/var/broker.sock", "se escriben %25 %2F"),
        ("BROKER_URL", "unix:///var/broker.sock?db=x", "unix://"),
        ("BROKER_URL", "unix:///var/broker.sock?password=x", "unix://"),
        ("BROKER_PORT", "65536", f"{WHOLE} 0 y 65{THIN}535"),
        ("BROKER_FSYNC", "everysec", "no o always"),
        ("MONITOR_PORT", "abc", f"{WHOLE} 1 y 65{THIN}535"),
        ("MONITOR_PORT", "0", f"{WHOLE} 1 y 65{THIN}535"),
        ("MONITOR_PORT", "65536", f"{WHOLE} 1 y 65{THIN}535"),
        ("MONITOR_PORT", "5000.0", WHOLE),
        ("MONITOR_PORT", "9" * 5_000, WHOLE),  # longer than Python converts
        ("MONITOR_WORKERS", "0", f"{WHOLE} 1 y 64"),
        ("MONITOR_ACCEPT_TIMEOUT", "0", f"{FRACTION} 0,1 y 60"),
        ("MONITOR_ACCEPT_TIMEOUT", "nan", FRACTION),
        ("MONITOR_ACCEPT_TIMEOUT", "inf", FRACTION),
        ("MONITOR_ACCEPT_TIMEOUT", "5 s", FRACTION),
        ("MONITOR_ACCEPT_TIMEOUT", "5,0", FRACTION),
        ("MONITOR_MAX_IN_FLIGHT", "-1", WHOLE),
        ("MONITOR_RESEND_GRACE", "3601", f"{FRACTION} 0,1 y 3{THIN}600"),
        ("MONITOR_RESEND_LIMIT", "0", f"{WHOLE} 1 y 1{THIN}000"),
        ("MONITOR_TARGET", "99", f"{FRACTION} 0 y 1"),
        ("MONITOR_TARGET", "-0.1", f"{FRACTION} 0 y 1"),
        ("MONITOR_INTERVAL", "-5s", "0 \\(nunca\\) o un tiempo entre 0.1s y 3600s"),
        ("MONITOR_INTERVAL", "0.05", "0 \\(nunca\\) o un tiempo"),
        ("MONITOR_INTERVAL", "2d", "0 \\(nunca\\) o un tiempo"),
        ("MONITOR_ALLOW_PUBLIC", "maybe", "sí o no"),
        ("ALERT_FAILURES", "1.5", WHOLE),
        ("ALERT_REMINDER", "8d", "0 \\(nunca\\) o un tiempo"),
        ("MONITOR_RESULTS_KEPT", "99", f"{WHOLE} 100 y 100{THIN}000{THIN}000"),
        ("RECEPTOR_AVAILABILITY", "1.01", f"{FRACTION} 0 y 1"),
        ("RECEPTOR_AVAILABILITY", "90%", FRACTION),
        ("RECEPTOR_SEED", "-1", WHOLE),
        ("RECEPTOR_SEED", str(2**63), WHOLE),
    ],
)
def test_a_bad_value_is_named_with_its_variable_and_what_is_allowed(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(ConfigurationError, match=allowed) as caught:
        Settings.load({variable: value})
    shown = "***" if variable == "BROKER_URL" else value
    assert str(caught.value).startswith(f"{variable}={shown}: debe ser ")


@pytest.mark.parametrize(
    "url", ["unix:///run/redis.sock", "unix://:a%2Fb@/mi%20var/broker.sock?db=1", "redis://:x@h:1/0"]
)
def test_an_address_of_the_broker_may_be_a_sockets(url: str) -> None:
    assert Settings.load({"BROKER_URL": url}).broker_url == url


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BROKER_URL", "unix://:hunter2/cd@/run/redis.sock"),
        ("BROKER_URL", "http://user:hunter2@broker:6379"),
        ("BROKER_URL", "redis://:hunter2/cd@broker:6379/0"),
        ("BROKER_URL", "redis://:hunter2#cd@broker:6379/0"),
        ("ALERT_WEBHOOK", "http://:hunter2/cd@broker"),
        ("MONITOR_TOKEN", "hunter2"),
        ("ALERT_WEBHOOK", "ftp://hunter2@host"),
        ("MONITOR_TRACES_URL", "hunter2"),
    ],
)
def test_the_error_of_a_secret_does_not_show_it(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({variable: value})
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None  # nor does its traceback
    assert variable in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value", "name", "meaning"),
    [
        ("MONITOR_PORT", " 8080 ", "monitor_port", 8080),
        ("MONITOR_PORT", "", "monitor_port", 5000),  # set to nothing is not set
        ("MONITOR_ACCEPT_TIMEOUT", "1e1", "accept_timeout", 10.0),
        ("MONITOR_INTERVAL", "500ms", "monitor_interval", 0.5),
        ("MONITOR_INTERVAL", "5s", "monitor_interval", 5.0),
        ("MONITOR_INTERVAL", "2min", "monitor_interval", 120.0),
        ("MONITOR_INTERVAL", "0,5 m", "monitor_interval", 30.0),
        ("MONITOR_INTERVAL", "2m", "monitor_interval", 120.0),
        ("MONITOR_INTERVAL", "1h", "monitor_interval", 3_600.0),
        ("MONITOR_INTERVAL", "0", "monitor_interval", 0.0),
        ("MONITOR_ALLOW_PUBLIC", "SÍ", "monitor_allow_public", True),
        ("MONITOR_ALLOW_PUBLIC", "0", "monitor_allow_public", False),
        ("RECEPTOR_AVAILABILITY", "0", "receptor_availability", 0.0),
        ("RECEPTOR_AVAILABILITY", "1", "receptor_availability", 1.0),
        ("RECEPTOR_SEED", str(2**63 - 1), "receptor_seed", 2**63 - 1),
        ("LOGS_DIR", "/var/log/ñandú", "logs_dir", Path("/var/log/ñandú")),
        ("BROKER_URL", "rediss://h:1/2", "broker_url", "rediss://h:1/2"),
    ],
)
def test_a_good_value_is_understood(variable: str, value: str, name: str, meaning: object) -> None:
    assert getattr(Settings.load({variable: value}), name) == meaning


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().monitor_port = 1  # type: ignore[misc]


def test_a_program_ends_with_the_sentence_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITOR_PORT", "abc")
    with pytest.raises(SystemExit, match=r"^Configuración: MONITOR_PORT=abc: debe ser un número entero") as caught:
        Settings.load_or_exit()
    assert caught.value.__cause__ is None


def test_a_child_process_loads_the_very_settings_of_its_parent() -> None:
    settings = Settings(broker_url="redis://:secret@h:1/2", logs_dir=Path("a b"), monitor_allow_public=True)
    assert Settings.load(settings.environment({"PATH": "/bin"})) == settings


def test_a_variable_set_to_its_default_counts_as_configured() -> None:
    assert is_configured("BROKER_URL", {"BROKER_URL": "redis://127.0.0.1:6379/0"})
    assert not is_configured("BROKER_URL", {"BROKER_URL": "  "})
    assert not is_configured("BROKER_URL", {})


def test_variables_for_other_programs_are_shut_out_and_a_proxy_is_no_way_to_this_machine() -> None:
    environ = {
        "CELERY_BROKER_URL": "redis://elsewhere/0",
        "CELERY_LOADER": "x",
        "PATH": "/bin",
        "NO_PROXY": "a.example",
    }
    shut_out_others(environ)
    shut_out_others(environ)
    direct = "a.example,localhost,127.0.0.1,127.0.0.0/8,::1"
    assert environ == {"PATH": "/bin", "NO_PROXY": direct, "no_proxy": direct}


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("MONITOR_TOKEN", "un-token-bastante-largo", "monitor_token"),
        ("BROKER_URL", "redis://:secreto@h:1/2", "broker_url"),
    ],
)
def test_a_secret_can_stand_in_a_file(tmp_path: Path, variable: str, value: str, name: str) -> None:
    (path := tmp_path / "secret").write_text(value + "\r\n")
    settings = Settings.load(environ := {f"{variable}_FILE": str(path), variable: "  "})
    assert getattr(settings, name) == value
    assert is_configured(variable, environ)
    path.unlink()  # a child does not read it again
    assert Settings.load(settings.environment(environ)) == settings


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no existe ese archivo"),
        (b"", "debe contener una sola línea"),  # an empty token would let everybody in
        (b"\n \n", "debe contener una sola línea"),
        (b"hunter2-hunter2-hunter2\nhunter2", "debe contener una sola línea"),
        (b"hunter2\xff-hunter2-hunter2", "no se puede leer ese archivo"),
        (b"hunter2", "debe ser un texto secreto de 16 caracteres"),
    ],
)
def test_a_file_without_a_good_secret_is_one_sentence_that_does_not_show_it(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        Settings.load({"MONITOR_TOKEN_FILE": str(path)})
    assert str(caught.value).startswith("MONITOR_TOKEN_FILE=")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_folder_is_no_secret_and_a_secret_is_given_in_one_way(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no se puede leer ese archivo"):
        Settings.load({"BROKER_URL_FILE": str(tmp_path)})
    with pytest.raises(ConfigurationError, match=r"^BROKER_URL y BROKER_URL_FILE: solo puede darse uno de los dos$"):
        Settings.load({"BROKER_URL": "redis://h:1/2", "BROKER_URL_FILE": "/x"})


def test_what_is_shown_of_the_settings_is_what_was_changed_and_no_secret(tmp_path: Path) -> None:
    environ = {
        "BROKER_URL": "redis://user:topsecret@10.0.0.1:6379/2",
        "MONITOR_TOKEN": "topsecret-topsecret",
        "ALERT_WEBHOOK": "https://hooks.example.org/topsecret?key=topsecret",
        "ALERT_COMMAND": "notify --key topsecret",
        "MONITOR_TRACES_URL": "http://topsecret@traces.example.org:4318",
        "MONITOR_MAX_IN_FLIGHT": "60",
        "MONITOR_WORKERS": "2",  # its default
        "LOGS_DIR": str(tmp_path),
    }
    assert Settings.load(environ).shown() == {
        "BROKER_URL": "redis://***@10.0.0.1:6379/2",
        "LOGS_DIR": str(tmp_path),
        "MONITOR_MAX_IN_FLIGHT": "60",
        "MONITOR_TOKEN": "***",
        "MONITOR_TRACES_URL": "http://***@traces.example.org:4318",
        "ALERT_WEBHOOK": "https://hooks.example.org/***",
        "ALERT_COMMAND": "***",
    }
    assert Settings().shown() == Settings(logs_dir=Path.cwd()).shown() == {}


def test_in_english_a_refusal_is_english() -> None:
    with speaking("en"), pytest.raises(ConfigurationError) as caught:
        Settings.load({"MONITOR_RESULTS_KEPT": "99"})
    assert str(caught.value) == "MONITOR_RESULTS_KEPT=99: must be a whole number between 100 and 100,000,000"
