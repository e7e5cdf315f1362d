// encoder: words or transformer. match=linear is Eq. 13 to the letter, match=null takes nearest ends. weights: alpha,
// beta and gamma of Eq. 15. thresholds: of entities, subjects and objects. subject_vectors: late fusion that tells all
// tokens which the subject is. Table 2: recurrent=bisrn or bilstm; markers=subject; subjects=gold; joint=false. Table 3:
// the scores of entities by participation. Table 4: fusion, and benchmarks/cascade.py. Table 6: head=table.
local cascade = import 'cascade.libsonnet';
local lib = import 'joint.libsonnet';

function(usual_data, usual_form, protocols) function(
  data=usual_data,
  form=usual_form,
  encoder='words',
  vectors=null,
  dim=100,
  transformer='fixtures/tiny_transformer',
  head='cascade',
  recurrent='srn',
  hidden=null,
  fusion='early',
  markers='entity_subject',
  subjects='all',
  joint=true,
  match='mlp',
  match_size=150,
  subject_vectors=false,
  weights=[1, 1, 1],
  thresholds=[0.5, 0.5, 0.5],
  dropout=0.1,
  word_dropout=0.04,
  batch=4,
  epochs=100,
  patience=20,
  lr=null,
  transformer_lr=1e-5,
  seed=13
) lib.corpus(data, form) + cascade.training(encoder, joint, batch, epochs, patience, lr, transformer_lr) + {
  model: cascade.input(head, encoder, vectors, dim, transformer, recurrent, hidden, dropout, word_dropout) + {
    head: cascade.head(head, fusion, markers, subjects, joint, match, match_size, subject_vectors, weights, thresholds),
  },
  protocols: protocols,
  seed: seed,
}
