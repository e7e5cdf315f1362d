"""WebAnno TSV 3, the form in which INCEpTION and WebAnno export and import annotated documents."""
