"""Files of texts, read and written in bounded memory. Nothing in here encodes."""

from bm25.files.columns import text_array
from bm25.files.prefetch import BackgroundWriter
from bm25.files.reader import InputReader, open_input
from bm25.files.writer import OutputWriter, open_output

__all__ = ["BackgroundWriter", "InputReader", "OutputWriter", "open_input", "open_output", "text_array"]
