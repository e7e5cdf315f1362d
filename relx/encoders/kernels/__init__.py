"""Fast paths of the encoders; the equations stand in the encoders' own files."""
