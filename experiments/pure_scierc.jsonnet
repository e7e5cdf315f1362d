// PURE (Zhong & Chen 2021) in one archive: its entity model and its relation model over one encoder. The published
// models have an encoder each: pure_entities_scierc and pure_relations_scierc.
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// context        the words that the transformer reads of a sentence and its document around it: 0, 100 or 300, as published
// max_width      the most tokens of a span. Wider mentions are lost
// markers        text: each pair is marked in the text, which is encoded anew; levitated: the markers of all pairs are
//                beside the text, which a transformer reads once
// labels         one relation of a pair, as published, or several
// train_on       the mentions whose pairs are learned: gold, both these and the model's own, or own
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/scierc',
  format='dygie',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  context=0,
  hidden=100,
  max_width=8,
  markers='text',
  labels='one',
  train_on='gold',
  dropout=0.1,
  word_dropout=0.04,
  batch=8,
  epochs=50,
  patience=epochs,
  lr=if encoder == 'words' then 2e-3 else 5e-4,
  transformer_lr=2e-5,
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
      embedder: { type: 'transformer', model: transformer, trainable: !frozen, context: context },
    },
  }) + {
    head: {
      type: 'pure',
      max_width: max_width,
      width_dim: 150,
      hidden_size: 150,
      span_dropout: 0.2,
      markers: markers,
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
    grad_norm: 1,
    schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
  },
  protocols: ['strict', 'boundaries'],
  hard_negatives: hard_negatives,
  seed: seed,
}
