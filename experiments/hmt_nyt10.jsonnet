// HMT (Wei et al. 2019) on NYT10: Table 1 gives F1 66.0; entity_task=false is the ablation of Table 3 (64.9).
// head='novel_tagging' is the baseline of Zheng et al. 2017 (46.4). form='triples' takes corpora such as WebNLG.
// entity_scheme (BIES) and joint_scheme (BIO): the tag schemes of HMT's two tasks, BIO or BIES.
// feedback: what HMT's decoder sees of the tag before: its vector (soft), the best tag (argmax), or nothing (none).
local joint = import 'lib/joint.libsonnet';
local signatures = import 'lib/nyt10_signatures.libsonnet';

function(
  data='fixtures/nyt10',
  form='hrl',
  vectors=null,
  head='hmt',
  entity_task=null,
  entity_scheme=null,
  joint_scheme=null,
  feedback=null,
  hidden=300,
  word_dropout=0,
  epochs=100,
  patience=10,
  lr=1e-3,
  seed=13
)
  local of_hmt = {
    entity_task: entity_task,
    entity_scheme: entity_scheme,
    joint_scheme: joint_scheme,
    feedback: feedback,
  };
  joint.corpus(data, form) + {
  model: {
    embedder: joint.words(vectors, if vectors == null then hidden) + { dropout: 0.5, word_dropout: word_dropout },
    head: joint.choose('head', head, {
      hmt: { type: 'hmt', hidden_size: hidden, tag_dim: hidden, signatures: signatures }
           + (if entity_task == false then joint.refuse('entity_task=false', { entity_scheme: entity_scheme }) else {})
           + joint.given(of_hmt),
      novel_tagging: joint.refuse('head=novel_tagging', of_hmt)
                     + { type: 'novel_tagging', hidden_size: hidden, decoder_size: 2 * hidden, tag_dim: hidden },
    }),
  },
  data_loader: { batch_size: 32 },
  trainer: { epochs: epochs, patience: patience, optimizer: { type: 'rmsprop', lr: lr }, grad_norm: 5 },
  protocols: ['exact_span', 'begin_offset'],
  seed: seed,
}
