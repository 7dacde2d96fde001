"""The ceiling: bare Flask behind the same server, no queue; what the web part alone could do at most."""

from flask import Flask, Response, jsonify

from benchmarks.contestants import Running, served
from benchmarks.stand import Stand, free_port
from comun.messages import Hop

app = Flask(__name__)


@app.get("/status")
def status() -> Response:
    return jsonify(status=Hop.REQUESTED.message())


def start(stand: Stand) -> Running:
    """Start the server alone."""
    port = free_port()
    stand.spawn("api", *served(f"{__name__}:app", port))
    return Running(port, None, stand.processes)
