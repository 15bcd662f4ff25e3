"""`bm25 stats`: stores of corpus statistics from the command line, a module for each group of commands."""

from bm25.cli.stats.commands import add_parser

__all__ = ["add_parser"]
