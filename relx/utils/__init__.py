"""Small parts without knowledge of extraction: files, output, text, runtime."""
