"""Imports point down, there is no circle, and the picture of them is up to date."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "eventkit"
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE)


@pytest.fixture(scope="module")
def picture():
    """The module that draws the picture, and knows the order of the layers."""
    path = ROOT / "docs" / "make_architecture_picture.py"
    spec = importlib.util.spec_from_file_location("make_architecture_picture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_import_points_down(picture):
    """Also those inside functions, those for types only, and those by a path."""
    assert picture.upward(picture.imports(picture.sources())) == []


def test_there_is_no_circle(picture):
    found = picture.circle(picture.imports(picture.sources()))

    assert not found, " -> ".join(found)


def test_every_part_has_its_place(picture):
    placed = [name for layer in picture.LAYERS for name in layer]
    parts = {picture.part(name) for name in picture.sources()} - set(picture.ABOVE)

    assert sorted(placed) == sorted(parts)


@pytest.mark.parametrize(
    "importing",
    [
        "import eventkit.router",
        "from eventkit import router",
        "from eventkit.router.router import Router",
        "def later():\n    from eventkit.router import Router",
        "if TYPE_CHECKING:\n    from eventkit.router import Router",
        'PLACES = {"x": "eventkit.router.router:Router"}',
        'PLACES = {"x": "eventkit.router.router:Router.send"}',
        'import_module("eventkit.router.router")',
        'importlib.import_module("eventkit.router").Router',
        'def later():\n    return __import__("eventkit.router.router")',
    ],
)
def test_an_import_that_points_up_is_found(picture, importing):
    texts = {"": "", "router": "", "router.router": "", "events": "", "events.rows": importing}
    (found,) = picture.upward(picture.imports(texts))

    assert found.startswith("events.rows imports router")


@pytest.mark.parametrize(
    ("importing", "words"),
    [
        ("from ..router import router", "events.rows: imports are absolute"),
        ('import_module("..router", __package__)', "events.rows: imports are absolute"),
        ('import_module(f"eventkit.{part}")', "events.rows: a path that is put together"),
    ],
)
def test_an_import_that_hides_is_refused(picture, importing, words):
    with pytest.raises(ValueError, match=words):
        picture.imports({"": "", "events.rows": importing})


def test_a_new_part_must_have_a_place(picture):
    with pytest.raises(ValueError, match="newpart: put each new part into LAYERS"):
        picture.upward(picture.imports({"newpart.module": ""}))


@pytest.mark.parametrize(
    "importing",
    [
        "from eventkit.filters import fields",
        "from eventkit.filters.fields import names",
        "def later():\n    import eventkit.filters.fields",
    ],
)
def test_a_circle_is_found(picture, importing):
    texts = {
        "filters": "",
        "filters.rules": importing,
        "filters.fields": "from eventkit.filters.rules import Rules",
    }

    assert set(picture.circle(picture.imports(texts))) == {"filters.rules", "filters.fields"}


def test_a_module_does_not_ask_its_own_face(picture):
    texts = {
        "filters": "from eventkit.filters.filter import Filter",
        "filters.filter": "from eventkit.filters import other",
    }

    assert set(picture.circle(picture.imports(texts))) == {"filters", "filters.filter"}


def test_the_picture_is_up_to_date(picture):
    """Run ``python docs/make_architecture_picture.py`` when this fails."""
    assert picture.PICTURE.read_text("utf-8") == picture.render()


def test_the_package_can_be_looked_over():
    """A newcomer finds each part by its name, and there are not too many."""
    entries = [each for each in PACKAGE.iterdir() if each.is_file() or any(each.glob("*.py"))]

    assert len(entries) <= 24


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_face_of_a_folder_is_a_face(folder):
    """It says what lives there, and gives what is public; nothing is made in it."""
    tree = ast.parse((folder / "__init__.py").read_text("utf-8"))
    others = [each for each in tree.body[1:] if not isinstance(each, ast.ImportFrom)]

    assert ast.get_docstring(tree)
    assert [ast.unparse(each.targets[0]) for each in others] in ([], ["__all__"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_face_names_modules_that_are_there(folder):
    """What its text calls a module is one."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    here = {path.stem for path in folder.iterdir()}
    begins = [word.split("`")[0] for word in text.split("Begin with `")[1:]]

    assert set(begins) <= here
