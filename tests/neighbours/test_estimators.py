import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from autograd_mini.neighbours import MLPClassifier, MLPRegressor

QUICK = {"hidden_layer_sizes": (8,), "random_state": 0}


@parametrize_with_checks([MLPClassifier(**QUICK), MLPRegressor(**QUICK)])
@pytest.mark.filterwarnings("ignore")
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


def test_a_pipeline_and_a_search_take_it():
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**QUICK, max_iter=20))
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden_layer_sizes": [(4,), (8, 4)]}, cv=2).fit(x, names)
    assert search.best_score_ > 0.8
    assert set(search.predict(x)) <= set(names)


def test_probabilities_are_those_of_the_network():
    x, y = load_iris(return_X_y=True)
    model = MLPClassifier(**QUICK, max_iter=5).fit(x, y)
    eager = [[y.data for y in model.network_(row)] for row in x[:5].tolist()]
    np.testing.assert_allclose(model.predict_proba(x[:5]), eager, rtol=1e-12)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).predict_proba(x[:5]), eager, rtol=1e-12)
    assert len(model.loss_curve_) == model.n_iter_ == 5


def test_several_targets_are_learnt_at_once():
    x = np.random.default_rng(0).uniform(-1, 1, size=(200, 2))
    y = np.stack([x[:, 0] * x[:, 1], 100 * x[:, 0] + 7], axis=1)
    model = MLPRegressor((16,), random_state=0).fit(x, y)
    assert model.predict(x).shape == y.shape
    assert model.score(x, y) > 0.95


def test_frames_of_pandas_are_taken():
    pandas = pytest.importorskip("pandas")
    x, y = load_iris(return_X_y=True, as_frame=True)
    model = MLPClassifier(**QUICK, max_iter=5).fit(x, y)
    assert list(model.feature_names_in_) == list(x.columns)
    assert isinstance(x, pandas.DataFrame)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="^MLPClassifier needs labels of two classes or more, got one class, 3$"):
        MLPClassifier().fit([[0.0], [1.0]], [3, 3])
