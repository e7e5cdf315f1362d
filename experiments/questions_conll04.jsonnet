// Multi-turn QA (Li et al. 2019) on CoNLL04. The paper has F1 68.9 of relations, with BERT-large.
//
// encoder        transformer, the folder of a pretrained encoder or its name on the hub, or words, a bidirectional LSTM
//                of hidden units over word vectors
// entities       the question of each entity type; null: questions made of the words of the types' names
// relations      the question of each relation, {head} for the entity and {type} for its type; null: made of its name
// theta          the weight of the first turn's loss
// negatives      questions of the second turn without an answer that a sentence learns in an epoch, drawn again; null
//                learns all of them
// warmup         a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
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
  entities={
    Peop: 'find all persons in the context',
    Org: 'find all organizations in the context',
    Loc: 'find all places in the context',
    Other: 'find all dates, products, events and other names in the context',
  },
  relations={
    Live_In: 'find all places where {head} lives',
    OrgBased_In: 'find all places where {head} is based',
    Located_In: 'find all places in which {head} lies',
    Work_For: 'find all organizations for which {head} works',
    Kill: 'find all persons whom {head} killed',
  },
  theta=0.25,
  negatives=null,
  dropout=0.1,
  word_dropout=0.04,
  batch=4,
  epochs=10,
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
      embedder: { type: 'transformer', model: transformer, trainable: !frozen },
    },
  }) + {
    head: {
      type: 'questions',
      entities: entities,
      relations: relations,
      theta: theta,
      negatives: negatives,
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
