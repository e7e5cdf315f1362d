"""The packages: those of relx/, and the experiments and sample corpora, which lie beside it in a clone."""

from setuptools import find_packages, setup

BESIDE = {"relx.experiments": "experiments", "relx.fixtures": "fixtures"}
setup(packages=[*find_packages(include=["relx*"]), *BESIDE], package_dir=BESIDE)
