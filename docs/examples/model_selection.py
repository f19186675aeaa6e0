"""Which estimator for these trajectories? Cross-validation and a grid search, as scikit-learn has them.

``python docs/examples/model_selection.py [FOLDER]`` observes eight runs of a Van der Pol oscillator with 10% noise,
leaves some of them out in turn, and scores how well simulations from their first points follow the rest. It prints the
scores and writes a picture of them to the folder (a temporary one by default). One trajectory is one sample.
"""

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdyn import FIMODERegressor, SparseODERegressor, Trajectories
from skdyn.datasets import make_trajectories

STARTS = [[2.0, 0.0], [0.3, 0.3], [-1.0, 2.0], [3.0, -1.0], [-2.0, -1.5], [1.0, -2.5], [-0.5, 0.1], [-3.0, 1.0]]


def main(folder, model="fim-ode", cv=4):
    runs = Trajectories(make_trajectories("van_der_pol", STARTS, np.linspace(0, 8, 40), noise=0.1, random_state=0))
    search = GridSearchCV(FIMODERegressor(model), {"refine": [None, "sparse"]}, cv=cv).fit(runs)
    plain, refined = np.transpose([search.cv_results_[f"split{fold}_test_score"] for fold in range(cv)])
    scores = {
        "FIMODERegressor()": plain,
        'FIMODERegressor(refine="sparse")': refined,
        "SparseODERegressor()": cross_val_score(SparseODERegressor(), runs, cv=cv),
    }
    for name, values in scores.items():
        print(f"{name:34} R2 of simulations {values.mean():.3f}, folds {np.round(np.sort(values), 3).tolist()}")
    print(f"the grid search prefers {search.best_params_}")

    figure, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
    rows = np.arange(len(scores))
    ax.plot(np.array(list(scores.values())), rows, "o", color="#7d8597", alpha=0.7)
    ax.plot([values.mean() for values in scores.values()], rows, "D", color="#d1495b")
    ax.set(yticks=rows, yticklabels=scores, ylim=(len(scores) - 0.5, -0.5))
    ax.set_xlabel("R2 of simulations of the runs left out: each fold, and the mean (red)")
    ax.grid(axis="x", alpha=0.3)
    figure.savefig(Path(folder, "model_selection.png"), dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    target.mkdir(parents=True, exist_ok=True)
    main(target)
    print(f"Pictures are in {target}")
