// encoder: words or transformer. frozen=true does not train the transformer, at transformer_lr (1e-5) otherwise; pooling
// and layers: docs/embedders.md. A variable that the others leave without effect is an error.
// match=linear is Eq. 13 to the letter, match=null takes nearest ends. weights: alpha, beta and gamma of Eq. 15.
// warmup: a share of the run, or steps, after which the learning rates fall to 0 at its end; they are constant unless told.
// thresholds: of entities, subjects and objects.
// fusion=late: task_context=none is Eq. 11 as printed, in which the subject changes the scores of its own tokens only;
// global_feature and lstm let it change those of all tokens. subject_vectors sets the subject's vector beside each token.
// Table 2: recurrent=bisrn or bilstm; markers=subject; subjects=gold; joint=false. Table 3: the scores of entities by
// participation. Table 4: fusion, and benchmarks/cascade.py. Table 6: pfn_scierc with recurrent=srn.
local cascade = import 'cascade.libsonnet';
local lib = import 'joint.libsonnet';

function(usual_data, usual_form, protocols) function(
  data=usual_data,
  form=usual_form,
  encoder='words',
  vectors=null,
  dim=null,
  transformer=null,
  frozen=null,
  pooling=null,
  layers=null,
  recurrent='srn',
  hidden=null,
  fusion=null,
  markers=null,
  subjects=null,
  joint=null,
  match='pfn_mlp',
  match_size=null,
  subject_vectors=null,
  task_context=null,
  weights=null,
  thresholds=null,
  dropout=0.1,
  word_dropout=null,
  batch=4,
  epochs=100,
  patience=20,
  lr=null,
  transformer_lr=null,
  warmup=null,
  seed=13
)
  local words = { vectors: vectors, dim: dim, word_dropout: word_dropout };
  local pretrained = {
    transformer: transformer,
    transformer_lr: transformer_lr,
    frozen: frozen,
    pooling: pooling,
    layers: layers,
  };
  local settings = {
    fusion: fusion,
    markers: markers,
    subjects: subjects,
    joint: joint,
    subject_vectors: subject_vectors,
    task_context: task_context,
    weights: weights,
    thresholds: thresholds,
  };
  local run = { batch: batch, epochs: epochs, patience: patience, lr: lr, warmup: warmup };
  lib.corpus(data, form) + cascade.training(encoder, pretrained, joint, run) + {
  model: cascade.input(encoder, words, pretrained, recurrent, hidden, dropout) + {
    head: cascade.head(settings, match, match_size),
  },
  // Which relations are symmetric is known of the published files only.
  protocols: [name for name in protocols if name != 'symmetric_canonical' || std.member(['dygie', 'spert'], form)],
  seed: seed,
}
