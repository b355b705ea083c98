"""A small web service: it answers with a greeting and with what thing1 says."""
import json
import os
import socket
from urllib.request import urlopen

from flask import Flask

# The line to edit while it runs.
GREETING = "Hello from pyservice"

app = Flask(__name__)


@app.get("/")
def answer():
    status = 200
    try:
        thing1 = ask("http://thing1/")
    except (OSError, ValueError) as error:
        status, thing1 = 502, {"error": str(error)}
    body = {
        "greeting": GREETING,
        "hostname": socket.gethostname(),
        "stage": os.environ.get("STAGE"),
        "thing1": thing1,
    }
    return body, status


@app.get("/healthz")
def healthz():
    return "ok\n"


def ask(url):
    with urlopen(url, timeout=3) as response:
        return json.load(response)
