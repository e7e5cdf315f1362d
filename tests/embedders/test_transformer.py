import json
import shutil

import pytest
import tiny as sample
import torch
from batches import assert_same_alone_and_together, batch_of
from forks import python
from padding import assert_every_parameter_learns
from tiny_transformer import HIDDEN, LAYERS, LIMIT, SPECIAL, TINY, tiny_mpnet, transformer

from relx.data.example import Example
from relx.data.vocabulary import Vocabulary
from relx.embedders.transformer import ScalarMix, TransformerEmbedder
from relx.errors import RelxError

WORDS = ["The", "xqx", "mayor", "of", "Zurich-Nord\tside", "in", "U.S", "\x00", "Paris", "."]
LONG = (WORDS * 6)[:50]


def embedded(embedder, words):
    """The vectors of the words of one sentence, read beside another one."""
    return embedder.eval()(batch_of(embedder, words, ["the"] * 7))[0, : len(words)]


def literal(embedder, words, pooling):
    """What the transformer says when it is asked for one sentence that fits, one word after the other."""
    splitter = embedder.pieces.tokenizer
    pieces = [splitter.encode(word, add_special_tokens=False).ids for word in words]
    ids = [2, *(piece for word in pieces for piece in word), 3]
    states = embedder.transformer(torch.tensor([ids])).last_hidden_state[0]
    place, vectors = 1, []
    for word in pieces:
        own = states[place : place + len(word)]
        vectors.append(states.new_zeros(HIDDEN) if not word else own.mean(0) if pooling == "mean" else own[0])
        place += len(word)
    return torch.stack(vectors)


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("max_pieces", [None, 12])
@pytest.mark.parametrize("layers", ["last", "mix", 1])
def test_a_word_is_the_same_alone_and_in_a_batch(pooling, max_pieces, layers):
    embedder = transformer(pooling=pooling, max_pieces=max_pieces, layers=layers).double()
    assert_same_alone_and_together(embedder)
    together = embedder(batch_of(embedder, LONG, WORDS, ["Paris"]))
    torch.testing.assert_close(together[0], embedder(batch_of(embedder, LONG))[0], rtol=0, atol=1e-10)
    assert (together[1, len(WORDS) :] == 0).all()


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_words_are_pooled_from_their_pieces(pooling):
    embedder = transformer(pooling=pooling).double().eval()
    torch.testing.assert_close(embedded(embedder, WORDS), literal(embedder, WORDS, pooling), rtol=0, atol=1e-10)
    assert embedder.output_dim == HIDDEN


@pytest.mark.parametrize("words", [[], ["\x00"], ["\x00", "", "\u200b"]])
def test_words_and_sentences_without_pieces_are_zero(words):
    embedder = transformer(pooling="mean").eval()
    out = embedder(batch_of(embedder, words))
    assert out.shape == (1, max(1, len(words)), HIDDEN) and (out == 0).all()


def test_long_sentences_are_read_in_windows_and_merged():
    """Each word as if its own window were the sentence: that in which its narrower side shows most."""
    room, words = 10, list("eachofthemisonepiecewhichitisasacharacter")
    embedder = transformer(max_pieces=room + SPECIAL).double().eval()
    out = embedded(embedder, words)
    starts = [*range(0, len(words) - room, room // 2), len(words) - room]
    for place in range(len(words)):
        start = max(starts, key=lambda s: (min(place - s, s + room - 1 - place), -s))
        window = literal(embedder, words[start : start + room], "first")
        torch.testing.assert_close(out[place], window[place - start], rtol=0, atol=1e-10)


def test_windows_change_nothing_where_a_sentence_fits():
    embedder = transformer()
    whole = embedder.pieces.index(WORDS)["pieces"]
    fitting = transformer(max_pieces=whole.shape[1])
    assert len(whole) == 1 and (fitting.pieces.index(WORDS)["pieces"] == whole).all()
    assert torch.equal(embedded(fitting, WORDS), embedded(embedder, WORDS))


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="model is empty"):
        transformer(model="")


def test_the_models_own_limit_is_kept():
    embedder = transformer()
    arrays = embedder.pieces.index(["xqx"] * 100)
    assert arrays["pieces"].shape[1] == LIMIT
    assert embedded(embedder, ["xqx"] * 100).abs().sum(dim=1).min() > 0
    with pytest.raises(ValueError, match="max_pieces is 65; the model reads at most 64"):
        transformer(max_pieces=65)


def test_a_number_keeps_the_lower_layers():
    full, low = transformer().eval(), transformer(layers=1).eval()
    assert sum(name.endswith("query.weight") for name, _ in low.named_parameters()) == 1
    batch = batch_of(full, WORDS)
    states = full.transformer(batch["pieces"][0], output_hidden_states=True).hidden_states
    again = low.transformer(batch["pieces"][0]).last_hidden_state
    torch.testing.assert_close(again, states[1])
    torch.testing.assert_close(embedded(transformer(layers=LAYERS), WORDS), embedded(full, WORDS))
    for layers in (0, 3, -1):
        with pytest.raises(ValueError, match=f"layers is {layers}; the model has the layers 1 to 2"):
            transformer(layers=layers)


def test_the_mix_of_layers_starts_as_their_mean_and_is_learned():
    mixed = transformer(layers="mix").eval()
    batch = batch_of(mixed, WORDS)
    states = mixed.transformer(batch["pieces"][0], output_hidden_states=True).hidden_states[1:]
    torch.testing.assert_close(mixed._encode(batch["pieces"][0], torch.ones(1, 1)), torch.stack(states).mean(0))
    assert_every_parameter_learns(mixed, mixed(batch))


def test_the_scalar_mix():
    mix = ScalarMix(2)
    mix.weights.data = torch.tensor([0.0, 1.0]).log().clamp(min=-50)
    mix.scale.data = torch.tensor(3.0)
    torch.testing.assert_close(mix([torch.full((2, 4), 7.0), torch.full((2, 4), 5.0)]), torch.full((2, 4), 15.0))


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_every_parameter_learns_unless_frozen(pooling):
    tuned = transformer(pooling=pooling)
    assert_every_parameter_learns(tuned, tuned(batch_of(tuned, LONG, WORDS)))
    frozen = transformer(trainable=False)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert not frozen(batch_of(frozen, WORDS)).requires_grad


def test_a_frozen_encoder_has_no_dropout_of_its_own():
    frozen, tuned = transformer(trainable=False), transformer()
    for embedder, same in ((frozen, True), (tuned, False)):
        batch = batch_of(embedder.train(), WORDS)
        assert torch.equal(embedder(batch), embedder(batch)) is same
        assert torch.equal(embedder.eval()(batch), embedder(batch))


def test_only_the_mix_of_a_frozen_encoder_learns():
    embedder = transformer(trainable=False, layers="mix")
    embedder(batch_of(embedder, WORDS)).square().sum().backward()
    assert {name for name, p in embedder.named_parameters() if p.grad is not None} == {"mix.weights", "mix.scale"}


def test_dropout_acts_in_training_only():
    embedder = transformer(dropout=0.5, trainable=False)
    batch = batch_of(embedder, ["the"] * 20)
    assert (embedder(batch) == 0).any() and (embedder.eval()(batch) != 0).all()


@pytest.mark.parametrize("layers", ["last", "mix"])
def test_it_computes_in_bfloat16_if_told_and_gives_float32(layers):
    whole, half = (transformer(layers=layers, dtype=dtype).eval() for dtype in ("float32", "bfloat16"))
    half.load_state_dict(whole.state_dict())
    assert {weight.dtype for weight in half.parameters()} == {torch.float32}
    expected, found = embedded(whole, WORDS), embedded(half, WORDS)
    assert found.dtype == torch.float32 and not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


def test_weights_are_float32_however_they_are_stored(tmp_path):
    transformer().transformer.bfloat16().save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(f"{TINY}/{name}", tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == "bfloat16"
    made = Vocabulary([])
    embedder = TransformerEmbedder(made, str(tmp_path))
    again = TransformerEmbedder(Vocabulary.from_files(made.files()), str(tmp_path))
    assert {p.dtype for each in (embedder, again) for p in each.parameters()} == {torch.float32}


@pytest.mark.parametrize("layers", ["last", "mix", 1])
def test_the_vocabulary_holds_all_that_building_it_again_takes(tmp_path, layers):
    shutil.copytree(TINY, tmp_path / "model")
    made = Vocabulary([])
    embedder = TransformerEmbedder(made, str(tmp_path / "model"), layers=layers)
    shutil.rmtree(tmp_path / "model")
    assert str(tmp_path).encode() not in b"".join(made.files().values()), "no path of this machine is kept"
    again = TransformerEmbedder(Vocabulary.from_files(made.files()), str(tmp_path / "model"), layers=layers)
    again.load_state_dict(embedder.state_dict())
    assert torch.equal(embedded(again, LONG * 2), embedded(embedder, LONG * 2))


def test_the_encoder_half_of_another_architecture(tmp_path):
    from transformers import T5Config, T5Model

    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 1000}
    T5Model(T5Config(**sizes)).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(f"{TINY}/{name}", tmp_path)
    made = Vocabulary([])
    embedder = TransformerEmbedder(made, str(tmp_path)).double()
    assert_same_alone_and_together(embedder)
    again = TransformerEmbedder(Vocabulary.from_files(made.files()), str(tmp_path)).double().eval()
    again.load_state_dict(embedder.state_dict())
    assert torch.equal(embedded(again, WORDS), embedded(embedder, WORDS))


def test_roberta_counts_positions_from_its_padding_and_wants_a_space_before_words(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    numbers = {piece: number for number, piece in enumerate(["<s>", "<pad>", "</s>", *alphabet])}
    bytes_of_text = Tokenizer(models.BPE(numbers, []))
    bytes_of_text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=bytes_of_text, **special).save_pretrained(tmp_path)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = RobertaConfig(vocab_size=len(numbers), max_position_embeddings=20, pad_token_id=1, **sizes)
    RobertaModel(config).save_pretrained(tmp_path)
    embedder = transformer(str(tmp_path)).double()
    assert embedder.pieces.room == 18
    assert embedder.pieces.index(["the"])["word_pieces"].tolist() == [1]
    assert_same_alone_and_together(embedder)
    assert embedded(embedder, ["longer than the model"] * 9).shape == (9, 8)


class TestModelsThatCannotBeHad:
    def test_no_folder_and_no_model_of_the_hub(self, monkeypatch):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        for name in ("nothing", "nobody/nothing"):
            with pytest.raises(RelxError, match=f"^no transformer '{name}': there is no such folder") as error:
                transformer(name)
            assert "unset HF_HUB_OFFLINE" in str(error.value) and "\n" not in str(error.value)

    @pytest.mark.parametrize("name", ["/nope", "./nope", "../nope", "~/nope", "no/such/folder", "here/nope", "file"])
    def test_a_path_that_leads_nowhere(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "here").mkdir()
        (tmp_path / "file").touch()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(RelxError) as error:
            transformer(name)
        assert str(error.value) == f"{name}: there is no such folder to read a transformer from"

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    @pytest.mark.parametrize("damage", ["missing", "cut"])
    def test_a_folder_with_a_file_missing_or_damaged(self, tmp_path, name, damage):
        shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).unlink()
        if damage == "cut":
            (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(RelxError, match="relx cannot read a transformer from this folder|no fast tokenizer"):
            transformer(str(tmp_path))

    def test_a_folder_lacking_some_weights_is_refused(self, tmp_path):
        import safetensors.torch

        shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
        weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
        del weights["encoder.layer.0.output.dense.weight"]
        safetensors.torch.save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(RelxError, match="holds no weights for encoder.layer.0.output.dense.weight, which would"):
            transformer(str(tmp_path))


def edited(folder, name, change):
    """The tiny transformer in that folder, with one of its JSON files changed."""
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    return str(folder)


class TestModelsThatDoNotFit:
    """What the library would make up, or fail on in the middle of a run."""

    @pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2", "electra", "albert", "distilbert"])
    def test_a_folder_without_a_tokenizer(self, kind, tmp_path):
        from transformers import CONFIG_MAPPING, AutoModel

        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        names = {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads"}
        names["intermediate_size"] = "hidden_dim"
        given = {names[key]: value for key, value in sizes.items()} if kind == "distilbert" else sizes
        AutoModel.from_config(CONFIG_MAPPING[kind](vocab_size=90, **given)).save_pretrained(tmp_path)
        with pytest.raises(RelxError, match="this folder has no tokenizer .* or write them with"):
            transformer(str(tmp_path))

    def test_a_tokenizer_of_special_pieces_alone(self, tmp_path):
        special = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
        model = edited(tmp_path, "tokenizer.json", lambda tokenizer: tokenizer["model"].update(vocab=special))
        with pytest.raises(RelxError, match="its tokenizer has only special pieces"):
            transformer(model)

    def test_a_tokenizer_with_more_pieces_than_the_model_has_rows(self, tmp_path):
        token = {"id": 708, "content": "covid", "single_word": False, "lstrip": False, "rstrip": False}
        token |= {"normalized": True, "special": False}
        model = edited(tmp_path, "tokenizer.json", lambda tokenizer: tokenizer["added_tokens"].append(token))
        with pytest.raises(RelxError, match=r"up to number 708 \('covid'\), but the model has 708 rows; use the token"):
            transformer(model)

    def test_a_tokenizer_without_a_piece_for_unknown_words(self, tmp_path):
        model = edited(tmp_path, "tokenizer.json", lambda tokenizer: tokenizer["model"].update(unk_token="none"))
        with pytest.raises(RelxError, match="its tokenizer has no piece for unknown words"):
            transformer(model)

    def test_weights_under_another_prefix(self, tmp_path):
        import safetensors.torch

        shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
        weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
        others = {f"student.{name}": tensor for name, tensor in weights.items()}
        safetensors.torch.save_file(others, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(RelxError, match=r"holds no weights for .* and \d+ more, which would be random; it holds"):
            transformer(str(tmp_path))

    @pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
    def test_weights_that_are_not_finite(self, number, tmp_path):
        import safetensors.torch

        shutil.copytree(TINY, tmp_path, dirs_exist_ok=True)
        weights = safetensors.torch.load_file(tmp_path / "model.safetensors")
        name = next(name for name in weights if name.endswith("word_embeddings.weight"))
        weights[name][-1, -1] = float(number)  # in the row of one piece, which the data may lack
        safetensors.torch.save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(RelxError, match="hold numbers that are not finite, in embeddings.word_embeddings.weight"):
            transformer(str(tmp_path))

    def test_a_type_that_is_no_encoder_of_text(self, tmp_path):
        model = edited(tmp_path, "config.json", lambda config: config.update(model_type="resnet"))
        with pytest.raises(RelxError, match="is of the type 'resnet'; relx reads the encoders albert, "):
            transformer(model)

    def test_words_that_it_mostly_does_not_know_are_a_warning_with_the_share(self, caplog):
        few, many = Example(["Paris", "the"]), Example(["\u5317\u4eac", "\u5929\u6d25"])
        TransformerEmbedder(Vocabulary([few] * 9 + [many]), TINY)
        assert caplog.text == ""
        TransformerEmbedder(Vocabulary([few, many]), TINY)
        assert "its tokenizer does not know 50% of the training data's words" in caplog.text


@pytest.mark.parametrize("arguments", [{"max_pieces": 0}, {"max_pieces": 2}, {"dropout": 2.0}])
def test_impossible_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        transformer(**arguments)


def test_transformers_is_imported_on_use_only():
    code = "import sys, relx.embedders.transformer; print('transformers' in sys.modules)"
    assert sample.run(code, program=python).stdout == "False\n"


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_attention_between_words_is_the_mean_over_their_pieces(kind, pooling):
    embedder = transformer(pooling=pooling)
    if kind == "mpnet":
        embedder.transformer = tiny_mpnet(embedder)
    embedder = embedder.double().eval()
    words = ["The", "Zurich-Nord", "\x00", "mayor"]
    found = embedder.attention(batch_of(embedder, words, ["the"] * 9, []))
    assert found.shape == (3, 9, 9, embedder.attention_maps)
    assert embedder.attention_maps == LAYERS * embedder.transformer.config.num_attention_heads
    pieces = [embedder.pieces.tokenizer.encode(word, add_special_tokens=False).ids for word in words]
    ids = [2, *(piece for word in pieces for piece in word), 3]
    maps = torch.cat(embedder.transformer(torch.tensor([ids]), output_attentions=True).attentions, dim=1)[0]
    starts = [1 + sum(map(len, pieces[:word])) for word in range(len(words))]
    read = [len(word) if pooling == "mean" else min(1, len(word)) for word in pieces]
    ends = [start + count for start, count in zip(starts, read, strict=True)]
    for i in range(len(words)):
        for j in range(len(words)):
            block = maps[:, starts[i] : ends[i], starts[j] : ends[j]]
            expected = block.mean((1, 2)) if block.numel() else torch.zeros(len(maps)).double()
            torch.testing.assert_close(found[0, i, j], expected, rtol=0, atol=1e-10)
    assert (found[2] == 0).all()


def test_words_in_different_windows_have_no_attention():
    embedder = transformer(max_pieces=8 + SPECIAL).double().eval()
    found = embedder.attention(batch_of(embedder, list("abcdefghijklmnop")))[0].abs().sum(-1)
    assert found[0, 3] > 0
    assert found[0, 15] == 0
    assert found.diagonal().all()
