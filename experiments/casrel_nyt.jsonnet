// CasRel (Wei et al. 2020) on NYT, last words of entities: F1 89.6 with BERT, 87.5 in the first version.
//
// variant       star, for data that marks the last word of each mention, or exact, for data that marks whole mentions
// encoder       words, a bidirectional LSTM of hidden units over word vectors (CasRel_LSTM), or transformer
// transformer   the folder of a pretrained encoder, or its name on the hub. frozen=true does not train it
// subjects      sampled, one gold subject of a sentence at a time as in the paper, or all
// conditioning  sum, as in the paper, or concatenated, which tells subjects of single words from their objects
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  variant='star',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  hidden=100,
  subjects='sampled',
  conditioning='sum',
  dropout=0.1,
  word_dropout=0.04,
  batch=6,
  epochs=100,
  patience=7,
  lr=if encoder == 'transformer' && !frozen then 1e-5 else 1e-3,
  hard_negatives=false,
  seed=13
) corpora.read(data, format) + {
  model: corpora.choose('encoder', encoder, {
    words: {
      embedder: { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
      encoder: { type: 'lstm', hidden_size: hidden },
    },
    transformer: {
      embedder: { type: 'transformer', model: transformer, trainable: !frozen, dropout: dropout },
    },
  }) + {
    head: {
      type: 'casrel',
      subjects: subjects,
      conditioning: conditioning,
      subject_spans: { threshold: 0.5 },
      object_spans: { threshold: 0.5 },
    },
  },
  data_loader: { batch_size: batch },
  trainer: { epochs: epochs, patience: patience, optimizer: { type: 'adam', lr: lr }, grad_norm: 5 },
  protocols: corpora.choose('variant', variant, {
    star: ['last_word', 'exact_span'],
    exact: ['exact_span', 'last_word'],
  }),
  hard_negatives: hard_negatives,
  seed: seed,
}
