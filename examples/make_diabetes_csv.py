"""Writes diabetes.csv: 442 patients, ten measurements, and how far the disease had gone a year later.

Run:  python examples/make_diabetes_csv.py && trainwright run examples/diabetes.csv

The data are scikit-learn's, in the units they were measured in (Efron et al., Least Angle Regression, 2004).
"""

import csv
from pathlib import Path

from sklearn.datasets import load_diabetes

HERE = Path(__file__).parent
NAMES = ("age", "sex", "bmi", "blood_pressure", "cholesterol", "ldl", "hdl", "cholesterol_per_hdl", "log_triglycerides")


def main() -> None:
    data = load_diabetes(scaled=False)
    with (HERE / "diabetes.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*NAMES, "glucose", "progression"])
        for row, target in zip(data.data, data.target, strict=True):
            writer.writerow([f"{value:g}" for value in (*row, target)])


if __name__ == "__main__":
    main()
