"""A web app in the manner of the tutorials, written from its description.

Seven columns by name, in the form's view and again in the frame that is made of it; two pickles
read for each request; ``float(...)`` for a check; one number for an answer.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
from flask import Flask, request

TEXTS = ("gender", "race_ethnicity", "parental_level_of_education", "lunch",
         "test_preparation_course")  # fmt: skip
SCORES = ("reading_score", "writing_score")


def create_tutorial_app(artifacts: Path, *, swapped: bool = False) -> Flask:
    """Return the app; ``swapped`` puts each score into the other's column."""
    app = Flask("tutorial")
    columns = dict(zip(SCORES, reversed(SCORES) if swapped else SCORES, strict=True))

    @app.get("/")
    def index() -> str:
        return "<form method=post action=/predict>…</form>"

    @app.post("/predict")
    def predict() -> str:
        form = request.form
        record = {name: form.get(name) for name in TEXTS}
        record |= {column: float(form.get(field)) for field, column in columns.items()}
        preprocessor = pickle.loads((artifacts / "preprocessor.pkl").read_bytes())
        model = pickle.loads((artifacts / "model.pkl").read_bytes())
        features = preprocessor.transform(pd.DataFrame({k: [v] for k, v in record.items()}))
        return str(model.predict(features)[0])

    return app


def train_tutorial(X: pd.DataFrame, y: pd.Series, artifacts: Path) -> None:
    """Fit linear regression on one-hot columns, as named above, and pickle both parts."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    preprocessor = ColumnTransformer([
        ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(TEXTS)),
        ("scores", StandardScaler(), list(SCORES)),
    ])  # fmt: skip
    model = LinearRegression().fit(preprocessor.fit_transform(X), y)
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "preprocessor.pkl").write_bytes(pickle.dumps(preprocessor))
    (artifacts / "model.pkl").write_bytes(pickle.dumps(model))
