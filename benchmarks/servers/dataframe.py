"""The straightforward server: pickles loaded once, a DataFrame for each request."""

import os
from pathlib import Path

import dill
import pandas as pd
from flask import Flask, request

ARTIFACTS = Path(os.environ["ARTIFACTS_DIR"])
PREPROCESSOR = dill.loads((ARTIFACTS / "preprocessor.pkl").read_bytes())
MODEL = dill.loads((ARTIFACTS / "model.pkl").read_bytes())

application = Flask("dataframe")


@application.post("/api/v1/predict")
def predict() -> dict[str, float]:
    """Answer what the pickles predict."""
    features = PREPROCESSOR.transform(pd.DataFrame([request.get_json()]))
    return {"prediction": float(MODEL.predict(features)[0])}
