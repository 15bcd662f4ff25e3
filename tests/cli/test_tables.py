from bm25.cli.tables import print_table


def test_columns_fit_their_widest_cell(capsys):
    print_table(("term", "df", "idf"), [("東京", 12345, 0.5), ("né\n", None, 2)])
    assert capsys.readouterr().out == "term      df     idf\n東京  12,345  0.5000\nné\\n       -       2\n"


def test_columns_of_numbers_are_flush_right(capsys):
    print_table(("n", "x"), [(1, 1.0), (1000, 22.5)])
    assert capsys.readouterr().out == "n      x\n    1   1.0000\n1,000  22.5000\n".replace(
        "n      x", "    n        x"
    )


def test_no_rows(capsys):
    print_table(("a", "b"), [])
    assert capsys.readouterr().out == "a  b\n"
