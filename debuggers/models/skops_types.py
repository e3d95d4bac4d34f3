"""Which types a skops file may contain: skops' own list and the names below; imported by workers only.

Derived by saving every estimator of scikit-learn, its losses, kernels and optimisers, pipelines, and the wrappers of
XGBoost, LightGBM and interpret, and keeping what holds data. A function is on it only if it is scikit-learn's own and
computes; so a file with a function of the person's own, such as a FunctionTransformer's, is refused by that function.
"""

from __future__ import annotations

import functools

_SKLEARN = """
_loss.loss.HalfTweedieLoss
_loss.loss.HalfTweedieLossIdentity
calibration._CalibratedClassifier
calibration._SigmoidCalibration
compose._column_transformer._RemainderColsList
compose._column_transformer.make_column_selector
ensemble._hist_gradient_boosting.predictor.TreePredictor
feature_selection._mutual_info.mutual_info_classif
feature_selection._mutual_info.mutual_info_regression
feature_selection._univariate_selection.chi2
feature_selection._univariate_selection.f_classif
feature_selection._univariate_selection.f_regression
gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace
gaussian_process.kernels.CompoundKernel
gaussian_process.kernels.ConstantKernel
gaussian_process.kernels.DotProduct
gaussian_process.kernels.Exponentiation
gaussian_process.kernels.ExpSineSquared
gaussian_process.kernels.Matern
gaussian_process.kernels.PairwiseKernel
gaussian_process.kernels.Product
gaussian_process.kernels.RBF
gaussian_process.kernels.RationalQuadratic
gaussian_process.kernels.Sum
gaussian_process.kernels.WhiteKernel
metrics._dist_metrics.ChebyshevDistance64
metrics._dist_metrics.EuclideanDistance64
metrics._dist_metrics.ManhattanDistance64
metrics._dist_metrics.MinkowskiDistance64
metrics._scorer._CurveScorer
metrics._scorer._PassthroughScorer
metrics._scorer._Scorer
model_selection._split.GroupKFold
model_selection._split.KFold
model_selection._split.RepeatedKFold
model_selection._split.RepeatedStratifiedKFold
model_selection._split.ShuffleSplit
model_selection._split.StratifiedKFold
model_selection._split.StratifiedShuffleSplit
model_selection._split.TimeSeriesSplit
multiclass._ConstantPredictor
neighbors._ball_tree.BallTree
neighbors._kd_tree.KDTree
neural_network._stochastic_optimizers.AdamOptimizer
neural_network._stochastic_optimizers.SGDOptimizer
tree._tree.Tree
utils._bunch.Bunch
utils._metadata_requests.MetadataRequest
utils._metadata_requests.MethodMetadataRequest
utils.validation.check_array
"""

_OTHERS = """
collections.OrderedDict
functools.partial
interpret.glassbox._ebm._ebm.ExplainableBoostingClassifier
interpret.glassbox._ebm._ebm.ExplainableBoostingRegressor
lightgbm.basic.Booster
lightgbm.sklearn.LGBMClassifier
lightgbm.sklearn.LGBMRanker
lightgbm.sklearn.LGBMRegressor
numpy.dtype
scipy.interpolate._bsplines.BSpline
xgboost.core.Booster
xgboost.sklearn.XGBClassifier
xgboost.sklearn.XGBRFClassifier
xgboost.sklearn.XGBRFRegressor
xgboost.sklearn.XGBRanker
xgboost.sklearn.XGBRegressor
"""


@functools.cache
def trusted() -> frozenset[str]:
    """Return the names beyond skops' own list, and the score functions that scikit-learn knows by name."""
    from sklearn.metrics import get_scorer, get_scorer_names

    functions = [get_scorer(name)._score_func for name in get_scorer_names()]  # noqa: SLF001 -- said nowhere else
    scores = {f"{function.__module__}.{function.__name__}" for function in functions}
    return frozenset({f"sklearn.{name}" for name in _SKLEARN.split()} | set(_OTHERS.split()) | scores)
