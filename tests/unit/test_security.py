import base64

import pytest
from flask import Flask
from flask.testing import FlaskClient

from comun.errors import ConfigurationError
from comun.settings import Settings
from monitor.door import door
from monitor.security import guard, is_local
from monitor.web import problem

TOKEN = "0123456789abcdef"  # noqa: S105 the tests' own


def client(token: str = "", allow_public: bool = False) -> FlaskClient:
    app = Flask(__name__)
    app.register_error_handler(Exception, problem)
    for path in ("/status", "/health/live", "/api/state", "/badge/availability.svg"):
        app.add_url_rule(path, path, lambda: "ok")
    refusal = guard(token=token, allow_public=allow_public, hosts=("0.0.0.0", "Monitor.ejemplo.org"))  # noqa: S104
    app.wsgi_app = door(app.wsgi_app, refusal=refusal, accept=lambda: "", beat=lambda _: None)
    return app.test_client()


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"cualquiera:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 401),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),  # schemes have no case
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer", 401),
        ("Bearer ñ€", 401),
        (basic(TOKEN), 200),  # what a browser asks its user for
        (basic("otra"), 401),
        ("Basic !!!", 401),
        (f"Digest {TOKEN}", 401),
        (TOKEN, 401),
    ],
)
def test_with_a_token_only_those_who_know_it_get_an_answer(header, code):
    headers = {} if header is None else {"Authorization": header}
    response = client(TOKEN).get("/status", headers=headers)
    assert response.status_code == code
    if code == 401:
        assert response.mimetype == "application/problem+json"
        assert [value.split()[0] for value in response.headers.getlist("WWW-Authenticate")] == ["Bearer", "Basic"]
        assert TOKEN not in response.text


def test_an_address_that_does_not_exist_is_not_told_without_the_token():
    assert client(TOKEN).get("/no-existe").status_code == 401


def test_with_a_token_other_machines_are_welcome():
    response = client(TOKEN).get(
        "/status", headers={"Authorization": f"Bearer {TOKEN}"}, environ_base={"REMOTE_ADDR": "203.0.113.9"}
    )
    assert response.status_code == 200


@pytest.mark.parametrize("token", ["", TOKEN])
def test_health_needs_no_token_and_answers_everyone(token):
    assert client(token).get("/health/live", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),  # a local socket
        (None, True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("no es una dirección", False),
    ],
)
def test_without_a_token_only_this_machine_gets_an_answer_unless_said_otherwise(address, local):
    assert is_local(address) is local
    environ = {"REMOTE_ADDR": address}
    assert client().get("/status", environ_base=environ).status_code == (200 if local else 403)
    assert client(allow_public=True).get("/status", environ_base=environ).status_code == 200


@pytest.mark.parametrize("path", ["/status", "/health/live", "/no-existe"])
def test_every_answer_carries_the_security_headers(path):
    headers = client().get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "ejemplo.org", "127.0.0.1.ejemplo.org"])  # noqa: S104
def test_listening_to_other_machines_without_a_token_is_refused_unless_said_otherwise(host):
    with pytest.raises(ConfigurationError, match=r"^MONITOR_HOST=.*MONITOR_TOKEN.*MONITOR_ALLOW_PUBLIC"):
        Settings.load({"MONITOR_HOST": host})
    assert Settings.load({"MONITOR_HOST": host, "MONITOR_ALLOW_PUBLIC": "sí"}).monitor_host == host
    assert Settings.load({"MONITOR_HOST": host, "MONITOR_TOKEN": TOKEN}).monitor_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_listening_to_this_machine_needs_nothing(host):
    assert Settings.load({"MONITOR_HOST": host}).monitor_host == host


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MONITOR_TOKEN", "corto"), ("MONITOR_TOKEN", "con espacios y largo"), ("ALERT_WEBHOOK", "ftp://secreto")],
)
def test_the_error_about_a_secret_does_not_show_it(variable, value):
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({variable: value})
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LOCALHOST:5000", True),
        ("127.0.0.1:5000", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("192.168.1.7:5000", True),  # rebinding needs a name: an address is where it says
        ("monitor.ejemplo.org:8080", True),  # configured
        ("", True),  # HTTP/1.0
        ("ejemplo.org", False),
        ("localhost.ejemplo.org:5000", False),
        ("127.0.0.1.ejemplo.org", False),
        ("127.0.0.1@ejemplo.org", False),
        ("[::1", True),  # no browser sends it
        ("ñ", False),
    ],
)
def test_only_who_asks_for_us_by_a_name_of_ours_gets_an_answer(host, ours):
    environ = {"HTTP_HOST": host}
    assert client().get("/status", environ_overrides=environ).status_code == (200 if ours else 403)
    assert client().get("/health/live", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
    ],
)
def test_a_browser_makes_no_check_for_another_site_or_in_advance(headers):
    response = client().get("/status", headers=headers)
    assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    doubled = client().get("/", headers=headers, environ_overrides={"PATH_INFO": "//status"})
    assert doubled.status_code == 403
    assert client().get("/api/state", headers=headers).status_code == 200  # a link from elsewhere works


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none"])
def test_a_browser_makes_checks_for_its_user(site):
    assert client().get("/status", headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/status", False),
        ("/api/state", False),
        ("/no-existe", False),
        ("/static/no-existe", False),
        ("/badge/availability.svg", True),
    ],
)
def test_no_cache_keeps_an_answer_but_badges(path, stored):
    assert client().get(path).headers.getlist("Cache-Control") == ([] if stored else ["no-store"])
