// HMT (Wei et al. 2019) on NYT11, 12 relations: Table 1 gives F1 59.9; entity_task=false is the ablation of Table 3
// (57.1). head=novel_tagging is the baseline of Zheng et al. 2017 (47.9). format: hrl, the files of Takanobu et al.
// (2019), or triples. If the files give entity types, HMT tags those. Model and variables are those of hmt_nyt10.
local corpora = import 'relx/corpora.libsonnet';
local signatures = import 'relx/nyt10_signatures.libsonnet';

function(
  data=corpora.samples + '/nyt10',
  format='hrl',
  vectors=null,
  head='hmt',
  entity_task=true,
  entity_scheme='BIES',
  joint_scheme='BIO',
  feedback='soft',
  hidden=300,
  word_dropout=0,
  epochs=100,
  patience=10,
  lr=1e-3,
  hard_negatives=false,
  seed=13
) corpora.read(data, format) + {
  model: {
    embedder: {
      type: 'words',
      vectors: vectors,
      dim: if vectors == null then hidden,
      dropout: 0.5,
      word_dropout: word_dropout,
    },
    head: corpora.choose('head', head, {  // these two heads hold their encoder, an LSTM
      hmt: {
        type: 'hmt',
        hidden_size: hidden,
        tag_dim: hidden,
        entity_task: entity_task,
        [if entity_task then 'entity_scheme']: entity_scheme,
        joint_scheme: joint_scheme,
        feedback: feedback,
        signatures: signatures,
      },
      novel_tagging: { type: 'novel_tagging', hidden_size: hidden, decoder_size: 2 * hidden, tag_dim: hidden },
    }),
  },
  data_loader: { batch_size: 32 },
  trainer: { epochs: epochs, patience: patience, optimizer: { type: 'rmsprop', lr: lr }, grad_norm: 5 },
  protocols: ['exact_span', 'begin_offset'],
  hard_negatives: hard_negatives,
  seed: seed,
}
