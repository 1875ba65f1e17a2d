"""The list of faults is complete, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults import COUNT, FAULTS, LEAST_TESTED
from tests.faults_row import Row

ROOT = Path(__file__).resolve().parents[1]
NODE = re.compile(r"tests/(\w+/)*test_\w+\.py(::Test\w+)?::test_\w+")
SENTENCE = re.compile(r"[A-Z].{20,}\.", re.DOTALL)


def test_every_fault_stands_in_the_list_once() -> None:
    assert [row.id for row in FAULTS] == [f"B-{number:02}" for number in range(1, COUNT + 1)]


def test_nearly_every_fault_has_its_tests() -> None:
    assert sum(bool(row.tests) for row in FAULTS) >= LEAST_TESTED


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.id)
def test_a_fault_has_tests_that_exist_or_a_reason(row: Row) -> None:
    assert row.words
    assert bool(row.tests) is not bool(row.absent)
    assert all(SENTENCE.fullmatch(text) for text in (row.absent, row.lacks) if text)
    assert len(row.tests) == len(set(row.tests))
    assert [node for node in row.tests if not exists(node)] == []


@pytest.mark.parametrize(
    "node",
    [
        "tests/test_faults.py::test_no_such_thing",
        "tests/test_faults.py::exists",
        "tests/test_no_such_file.py::test_x",
        "tests/test_faults.py",
        "tests/faults.py::FAULTS",
        "tests/test_faults.py::TestNothing::test_every_fault_stands_in_the_list_once",
    ],
)
def test_what_is_no_test_is_noticed(node: str) -> None:
    assert not exists(node)


def test_what_is_a_test_is_found() -> None:
    assert exists("tests/test_faults.py::test_every_fault_stands_in_the_list_once")


def exists(node: str) -> bool:
    """Whether `path::name` or `path::Class::name` is a test that pytest collects."""
    if not NODE.fullmatch(node):
        return False
    path, name = node.split("::", 1)
    return name in names_in(path)


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file, those of classes with their class; none where there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    body = ast.parse(file.read_text("utf-8")).body
    classes = {f"{each.name}::": each.body for each in body if isinstance(each, ast.ClassDef)}
    return frozenset(
        prefix + each.name
        for prefix, inside in {"": body, **classes}.items()
        for each in inside
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
    )
