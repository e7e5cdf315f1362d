"""Use trained models inside other libraries."""
