"""Every action that the audit trail may hold has a label: the code is read for what it records."""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from api.pages.audit_actions import AUDIT_ACTIONS, AUDIT_SUBJECTS
from api.pages.labels import label
from inventory.master_data.records import KINDS

ROOT = Path(__file__).parent.parent.parent

Function = ast.AsyncFunctionDef | ast.FunctionDef


def calls_of(tree: ast.AST, name: str) -> Iterator[tuple[Function, ast.Call]]:
    """The calls of a function by its name, each with the function it stands in."""
    for function in ast.walk(tree):
        if isinstance(function, Function):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == name:
                    yield function, call


def may_be(expression: ast.expr, function: Function, module: str) -> list[str]:
    """What an action may be: as it stands there, or as the function's parameters say that it is made of."""
    match expression:
        case ast.Constant(str() as text):
            return [text]
        case ast.Name(name):
            return values_of(name, function, module)
        case ast.JoinedStr(parts):
            texts = [""]
            for part in parts:
                more = may_be(part.value if isinstance(part, ast.FormattedValue) else part, function, module)
                texts = [text + each for text in texts for each in more]
            return texts
        case _:
            raise AssertionError(f"{module}.{function.name}: {ast.unparse(expression)} may be anything")


def values_of(name: str, function: Function, module: str) -> list[str]:
    """The values of a parameter, of which its type must be made up."""
    hint: Any = get_type_hints(inspect.unwrap(getattr(importlib.import_module(module), function.name))).get(name)
    assert get_origin(hint) is Literal, f"{module}.{function.name}: {name} does not say what it may be"
    return list(get_args(hint))


def policies_of(tree: ast.AST) -> Iterator[ast.expr]:
    """The tables of the policies that a module keeps."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Policies":
            yield call.args[0]


def recorded() -> set[str]:
    """Every action that some code may record."""
    entered, actions = set[str](), set[str]()
    for path in sorted((ROOT / "inventory").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for _, call in calls_of(tree, "enter"):
            entered |= {k.value.value for k in call.keywords if k.arg == "what" and isinstance(k.value, ast.Constant)}
        for function, call in [*calls_of(tree, "audit.record"), *calls_of(tree, "audit.record_each")]:
            if module not in (
                "inventory.ground.entering",
                "inventory.ground.policies",
                "inventory.master_data.records",
            ):
                actions |= set(may_be(call.args[0], function, module))
        actions |= {f"{table.value}.set" for table in policies_of(tree) if isinstance(table, ast.Constant)}
    actions |= {f"{what.replace(' ', '_')}.entered" for what in entered}
    return actions | {f"{kind.what.replace(' ', '_')}.changed" for kind in KINDS.values()}


def subjects() -> set[str]:
    """Every kind of thing that some code records an action about, as far as the code names it."""
    found = {kind.what for kind in KINDS.values()}
    for path in sorted((ROOT / "inventory").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [k.value for _, call in calls_of(tree, "enter") for k in call.keywords if k.arg == "what"]
        for verb in (
            "audit.record",
            "audit.record_each",
            "steps.begin",
            "steps.keep",
        ):  # a step that somebody takes on is recorded about its subject
            named += [call.args[1] for _, call in calls_of(tree, verb)]
        named += policies_of(tree)
        found |= {each.value for each in named if isinstance(each, ast.Constant)}
    return {kind.replace(" ", "_") for kind in found if kind}


def test_everything_that_actions_are_about_has_a_label():
    assert len(subjects()) > 50  # the code was really read
    assert sorted(subjects() - AUDIT_SUBJECTS.keys()) == []


def test_every_recorded_action_has_a_label():
    found = recorded()

    assert len(found) > 90  # the code was really read
    assert sorted(found - AUDIT_ACTIONS.keys()) == []


def test_no_label_is_left_over_but_of_what_is_entered_or_changed():
    left_over = AUDIT_ACTIONS.keys() - recorded()

    assert sorted(action for action in left_over if not action.endswith((".entered", ".changed"))) == []


def test_labels_are_words_of_both_languages():
    for kind, values in (("audit_action", AUDIT_ACTIONS), ("audit_subject", AUDIT_SUBJECTS)):
        for value in values:
            assert any("\u4e00" <= letter <= "\u9fff" for letter in label(kind, value, "zh")), value
    for action in AUDIT_ACTIONS:
        assert label("audit_action", action, "en") != action
