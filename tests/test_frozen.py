"""Ids, and the IRIs of verbs and types, are frozen: what changes one changes a file, on purpose."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parent


def frozen():
    spec = importlib.util.spec_from_file_location("frozen", FOLDER / "frozen.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_has_changed():
    """Nothing that was promised is another, and nothing is gone; new cases are written down."""
    module = frozen()
    promised = module.FILE.read_text("utf-8").splitlines()

    assert len(promised) > 700
    now = module.lines()
    assert [line for line in promised if line not in set(now)] == []
    assert now == promised, "new documents: python -m tests.frozen writes them down"


def test_ids_are_told_apart():
    """No id is promised to two documents."""
    ids = [line.split("\t")[2] for line in frozen().FILE.read_text("utf-8").splitlines()]

    assert len(ids) == len(set(ids))
