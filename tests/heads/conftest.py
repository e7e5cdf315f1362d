"""Makes the equations in this folder importable from the folders of single heads."""
