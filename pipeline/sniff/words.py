"""Words that names have, and what they speak for."""

import re
from collections.abc import Callable

from pipeline.sniff.kinds import snake


def _words(words: str) -> Callable[[str], bool]:
    pattern = re.compile(rf"(^|_)({words})(_|$)")
    return lambda name: bool(pattern.search(snake(name)))


IS_TIME = _words("ts|time|timestamp|date|datetime|at|when|instant|epoch")
IS_EVENT_TIME = _words("ts|timestamp|event_time|event_ts|event_timestamp|request_time|requested_at|inference_time")
IS_MODEL = _words("model|model_name|model_id|modelname")
IS_SERVICE = _words("service|endpoint|deployment|predictor|estimator|pipeline|scorer|app|name")
IS_VERSION = _words("version|ver|rev|revision|release|build|sha|commit")
IS_PREDICTION = _words(
    "predictions?|predicted|pred|scores?|prob|probability|proba|outputs?|results?|answer|decision|yhat|y_hat|response"
)
IS_LATENCY = _words("latency|duration|elapsed|took|ms|millis|seconds|response_time|runtime")
NAMES_LATENCY = _words("latency|response_time")
IS_LABEL = _words("label|truth|target|actual|ground")
NAMES_THE_LABEL = re.compile(r"y_?true|true_(y|label|class)|labels?|target|ground_truth|truth|actuals?")
IS_FEATURES = _words("features|feature|inputs|input|instance|x|payload|request|vector")
IS_TAGS = _words("tags|tag|labels|meta|metadata|context|headers|attributes|ce|dimensions")
IS_ID = _words("id|uuid|guid|key")
IS_PLACE = _words(
    "env|environment|stage|tier|region|zone|dc|datacenter|cluster|host|hostname|node|pod|namespace|tenant|team|owner|country|"
    "currency|lang|language|locale|channel|source|type|unit|schema|topic|format|level"
)
NAMES_A_PLACE = re.compile(
    r"(pre|non)?-?(prod|production|staging|stage|dev|development|test|testing|qa|uat|live|canary)|\w+-(north|south|east|west|central)+-?\d?[a-z]?",
    re.IGNORECASE,
)
NAMES_A_MODEL = _words(
    "\\w*model|\\w*classifier|clf|\\w*regressor|\\w*scor(er|ing)|\\w*ranker|ranking|\\w*detect(or|ion)|recommender|\\w*predictor|"
    "xgb|xgboost|lgbm|lightgbm|catboost|\\w*bert|gpt|llm|embedder"
)
SAID_OF_ALL = _words(
    "events?|inferences?|scores?|predictions?|requests?|responses?|logs?|topic|data|stream|models?|prod|production|staging|dev|test"
)


def telling(name: str) -> frozenset[str]:
    """The words of a name that say more than that there are events."""
    return frozenset(word for word in snake(name).split("_") if len(word) > 2 and not SAID_OF_ALL(word))
