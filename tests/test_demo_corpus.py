import sys

from bm25.demo_corpus import Passage, docstrings, language_reference, standard_library


def test_docstrings_carry_qualified_names(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text('"""The package."""\n')
    (package / "part.py").write_text(
        'class A:\n    """Class A."""\n'
        '    async def f(self):\n        """Method f."""\n'
        "    def g(self): ...\n"
        '    def _h(self):\n        """Private."""\n'
    )
    (package / "broken.py").write_text("def (:\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "x.py").write_text('"""Left out."""\n')
    assert list(docstrings(tmp_path)) == [
        Passage("package", "The package."),
        Passage("package.part.A", "Class A."),
        Passage("package.part.A.f", "Method f."),
    ]


def test_topics_are_cut_into_passages():
    passages = list(language_reference())
    assert len(passages) > 100
    assert all(passage.title.endswith(" (language reference)") for passage in passages)


def test_the_library_is_read_and_not_imported():
    before = set(sys.modules)
    passages = standard_library()
    assert len(passages) > 3000
    assert "antigravity" not in set(sys.modules) - before
    assert {"json.loads", "textwrap.wrap"} & {passage.title for passage in passages}
