// PURE's relation model (Zhong & Chen 2021) on SciERC with SciBERT: F1 48.2 of relations and 35.6 of strict ones, between
// the entities of pure_entities_scierc, from single sentences. On ACE05 with ALBERT: 65.6 of strict relations.
//
// It learns the relations between gold entities, and its scores in training are between these, too. Those between
// predicted entities:
//   relx predict ENTITIES test.jsonl | relx predict RELATIONS - --given-entities > predictions.jsonl
//   relx score test.jsonl predictions.jsonl --protocol strict
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// context        the words that the transformer reads of a sentence and its document around it: 0, 100 or 300, as published
// markers        text: each pair is marked in the text, which is encoded anew; levitated: the markers of all pairs are
//                beside the text, which a transformer reads once, the approximation of section 3.4
// labels         one relation of a pair, as published, or several
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
  markers='text',
  labels='one',
  dropout=0.1,
  word_dropout=0.04,
  batch=4,
  epochs=10,
  patience=epochs,
  lr=if encoder == 'words' then 2e-3 else 2e-5,
  transformer_lr=2e-5,
  warmup=if encoder == 'transformer' then 0.1,
  hard_negatives=false,
  seed=13
) corpora.read(data, format) + {
  model: corpora.choose('encoder', encoder, {
    words: {
      embedder: { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
      encoder: { type: 'lstm', hidden_size: hidden },
    },
    transformer: {
      embedder: { type: 'transformer', model: transformer, trainable: !frozen, context: context },
    },
  }) + {
    head: { type: 'pure_relations', markers: markers, labels: labels, dropout: dropout },
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
