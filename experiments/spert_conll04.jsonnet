// SpERT (Eberts & Ulges 2020) on CoNLL04 with BERT: F1 88.9 of entities and 71.5 of strict relations.
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// max_width      the most tokens of a span. Wider mentions are lost
// negatives      spans without label, and pairs without relation, that a sentence learns in an epoch, drawn anew; null
//                learns all of them
// labels         several relations of a pair, from the threshold on, or one, the best
// train_on       the mentions whose pairs are learned: gold, both these and the model's own, or own
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
//
// The published model trains on the training and the validation set together. Its batch has 2 sentences.
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/conll04',
  format='spert',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  hidden=100,
  max_width=10,
  negatives=100,
  labels='several',
  train_on='gold',
  dropout=0.1,
  word_dropout=0.04,
  batch=2,
  epochs=20,
  patience=epochs,
  lr=if encoder == 'words' then 1e-3 else 5e-4,
  transformer_lr=5e-5,
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
    },
  }) + {
    head: {
      type: 'spert',
      max_width: max_width,
      width_dim: 25,
      negatives: negatives,
      pair_negatives: negatives,
      labels: labels,
      [if labels == 'several' then 'threshold']: 0.4,
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
    grad_norm: 1,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
  },
  protocols: ['strict', 'boundaries'],
  hard_negatives: hard_negatives,
  seed: seed,
}
