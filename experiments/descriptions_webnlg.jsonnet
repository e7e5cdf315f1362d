// Relations by description (relx's own) on WebNLG, whole mentions. The words of a relation's name are its description.
//
// relations      what each relation means, such as { birthPlace: 'the place where a person was born' }; null: the words
//                of its name
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors. frozen=true does not train the transformer, but such an LSTM over it
// drawn          relations that a batch does not hold, drawn again in each step to be compared beside those that it
//                holds; null: all
// init           an archive of another run of this experiment, with whose weights the training starts
// labels         one relation of a pair, or several
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  relations=null,
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  init=null,
  hidden=100,
  max_width=10,
  negatives=100,
  drawn=null,
  labels='one',
  train_on='gold',
  dropout=0.1,
  word_dropout=0.04,
  batch=8,
  epochs=20,
  patience=epochs,
  lr=1e-3,
  transformer_lr=1e-4,
  warmup=if encoder == 'transformer' then 0.1,
  hard_negatives=false,
  seed=13
) corpora.read(data, format) + {
  model: corpora.choose('encoder', encoder, {
    words: {
      embedder: {
        type: 'concatenated',
        embedders: [
          { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
          { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
        ],
      },
      encoder: { type: 'lstm', hidden_size: hidden },
    },
    transformer: {
      embedder: { type: 'transformer', model: transformer, pooling: 'mean', trainable: !frozen },
      [if frozen then 'encoder']: { type: 'lstm', hidden_size: hidden },
    },
  }) + {
    head: {
      type: 'descriptions',
      relations: relations,
      max_width: max_width,
      width_dim: 25,
      negatives: negatives,
      pair_negatives: negatives,
      relation_negatives: drawn,
      labels: labels,
      train_on: train_on,
      dropout: dropout,
    },
  },
  data_loader: { batch_size: batch },
  trainer: {
    epochs: epochs,
    patience: patience,
    optimizer: { type: 'adamw', lr: lr, weight_decay: 0.01 },
    [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
    [if init != null then 'init_from']: { embedder: init, head: init } + (
      if encoder == 'words' || frozen then { encoder: init } else {}
    ),
    grad_norm: 1,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
  },
  protocols: ['exact_span', 'last_word'],
  hard_negatives: hard_negatives,
  seed: seed,
}
