"""Bare Flask: parses the body, answers a constant."""

from flask import Flask, request

application = Flask("bare")


@application.post("/api/v1/predict")
def predict() -> dict[str, float]:
    """Answer a constant."""
    request.get_json()
    return {"prediction": 65.3}
