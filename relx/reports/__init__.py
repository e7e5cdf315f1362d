"""What a model got right and wrong: a page of its scores and errors, and its errors as a table."""
