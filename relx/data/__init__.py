"""Examples, their JSON form, vocabularies and batches."""
