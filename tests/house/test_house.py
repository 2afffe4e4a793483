"""The house obeys its own rules."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from inventory.ground.errors import InventoryError
from inventory.installed_base.register import NewServiceTerm
from inventory.piccolo_app import TABLES
from scripts import reference

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
OWN = [
    path
    for path in TRACKED
    if not path.startswith(("api/static/vendor/", "inventory/migrations/", "docs/reference/openapi.json"))
    and (ROOT / path).exists()
]
REFUSALS = reference.all_refusals()


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("page", reference.PAGES)
def test_the_reference_is_what_the_code_says(page):
    """`make reference` writes it anew."""
    assert text_of(f"docs/reference/{page}") == reference.PAGES[page]()


def test_nothing_is_left_for_later():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [
        path
        for path in OWN
        if path.endswith((".py", ".html", ".js", ".css", ".md", ".sh")) and marks.search(text_of(path))
    ]

    assert [path for path in found if path != "tests/house/test_house.py"] == []


def test_lock_files_name_no_host():
    for path in ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        assert "://" not in text_of(path)
    assert "uv.lock" not in TRACKED


def test_no_machines_path_stands_in_the_project():
    somewhere = re.compile(r"(?<![\w.])/(work|root|home)/\w")
    found = [path for path in OWN if path != "tests/house/test_house.py" and somewhere.search(text_of(path))]

    assert found == []


def test_every_test_file_holds_tests_and_every_test_can_fail():
    for path in OWN:
        if not (path.startswith("tests/") and Path(path).name.startswith("test_")):
            continue
        tree = ast.parse(text_of(path))
        tests = [
            n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test_")
        ]
        assert tests, path
        for test in tests:
            source = ast.unparse(test)
            assert re.search(r"\bassert|raises|verified|run_state_machine|expect\(|check", source), (
                f"{path}: {test.name}"
            )


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.__name__)
def test_a_refusal_speaks_both_languages_of_the_same_facts(kind: type[InventoryError]):
    english, chinese = (kind.__doc__ or "").strip(), kind.zh

    def facts(text: str) -> set[str]:
        return {name.removesuffix("_zh") for _, name, _, _ in Formatter().parse(text) if name}

    assert english.endswith("."), "an English sentence"
    assert re.search(r"[\u4e00-\u9fff]", chinese), "a Chinese sentence"
    assert "zh" in vars(kind), "its own Chinese sentence"
    assert facts(english) == facts(chinese)
    assert kind.help_en
    assert kind.help_zh
    assert facts(kind.help_en) == facts(kind.help_zh)
    assert kind().sentence("en")  # a missing fact reads as a dash


def test_every_table_says_what_it_is_for():
    assert [table._meta.tablename for table in TABLES if not table._meta.help_text] == []


def test_every_module_and_public_function_is_explained():
    unexplained = []
    for path in OWN:
        if path.endswith(".py") and path.startswith(("inventory/", "optimizer/", "api/")):
            tree = ast.parse(text_of(path))
            if ast.get_docstring(tree) is None and text_of(path).strip():
                unexplained.append(path)
    assert unexplained == []
    assert NewServiceTerm.__doc__


def test_the_readmes_commands_are_the_makefiles():
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    for readme in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"\bmake ([a-z]+)\b", text_of(readme))) <= targets


def test_links_between_documents_lead_somewhere():
    for path in OWN:
        if path.endswith(".md"):
            for link in re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", text_of(path)):
                assert ((ROOT / path).parent / link).exists(), f"{path}: {link}"


def test_help_is_quick_and_imports_no_mathematics():
    probe = "import sys, api.cli; print(sorted(m for m in ('scipy', 'pulp', 'litestar') if m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)

    assert loaded.stdout.strip() == "[]"
