"""Serve trained models over HTTP, with a page in which people look at predictions and correct them."""
