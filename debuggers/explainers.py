"""Which way of sharing out what a subject's model says is the best that there is.

Trees have exact answers. A model that adds up what it makes of single features has them in closed form. Any other one
is asked, with columns exchanged between rows; so are the losses of trees with a score per class.
"""

from __future__ import annotations

from debuggers.additive import AdditiveExplainer, NotAdditive
from debuggers.asked_explainer import AskedExplainer
from debuggers.attribution import PERMUTATIONS
from debuggers.explainer import Explainer
from debuggers.models.trees import UnreadableTrees
from debuggers.subject import Subject
from debuggers.tree_explainer import INTERVENTIONAL, PATH_DEPENDENT, TreeExplainer


def explainer_of(subject: Subject, kind: str = INTERVENTIONAL, *, permutations: int = PERMUTATIONS) -> Explainer:
    """Return the best way to share out what a subject's model says.

    Parameters
    ----------
    subject : Subject
        With a model.
    kind : {"interventional", "path-dependent"}
        Of trees; other models have background rows in any case.
    permutations : int
        Of a model that has to be asked.
    """
    try:
        return TreeExplainer(subject, path_dependent=kind == PATH_DEPENDENT, permutations=permutations)
    except UnreadableTrees as reason:
        because = str(reason)
    try:
        return AdditiveExplainer(subject)
    except NotAdditive:
        return AskedExplainer(subject, because=because, permutations=permutations)
