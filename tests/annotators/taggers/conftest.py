"""A real Stanza tagger that was trained in a moment on a few words."""

from pathlib import Path

import pytest

SENTENCES = (
    "Ann/PROPN/NNP sings/VERB/VBZ ./PUNCT/.",
    "The/DET/DT dog/NOUN/NN sleeps/VERB/VBZ ./PUNCT/.",
    "The/DET/DT cat/NOUN/NN sings/VERB/VBZ ./PUNCT/.",
)
SIZES = (
    "hidden_dim", "char_hidden_dim", "deep_biaff_hidden_dim", "composite_deep_biaff_hidden_dim", "word_emb_dim",
    "char_emb_dim", "tag_emb_dim", "transformed_dim",
)  # fmt: skip
OPTIONS = {"max_steps": 40, "eval_interval": 20, "lr": 0.02, "dropout": 0, "word_dropout": 0, "seed": 1}


@pytest.fixture(scope="session")
def stanza_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``pos.pt``. Not to be changed."""
    from stanza.models import tagger

    folder = tmp_path_factory.mktemp("stanza")
    data = folder / "data.conllu"
    data.write_text("".join(map(_conllu, SENTENCES)))
    (folder / "resources.json").write_text("{}")
    files = {"train_file": data, "eval_file": data, "save_dir": folder, "save_name": "pos.pt"}
    given = {**files, **OPTIONS, **dict.fromkeys(SIZES, 12), "shorthand": "en_tiny", "lang": "en"}
    tagger.main(["--no_pretrain", "--cpu", *(f"--{name}={value}" for name, value in given.items())])
    return folder


def _conllu(sentence: str) -> str:
    rows = [word.split("/") for word in sentence.split()]
    lines = (
        f"{number}\t{word}\t_\t{upos}\t{xpos}\t_\t{number - 1}\t{'dep' if number > 1 else 'root'}\t_\t_\n"
        for number, (word, upos, xpos) in enumerate(rows, 1)
    )
    return "".join(lines) + "\n"
