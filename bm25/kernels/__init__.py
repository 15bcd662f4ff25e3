"""Compiled loops: arrays in, arrays out. This folder knows no text options and no files."""
