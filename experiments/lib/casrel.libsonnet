// CasRel (Wei et al. 2020), over a transformer or over a bidirectional LSTM.
local joint = import 'joint.libsonnet';

{
  // encoder: 'transformer', the published system, or 'words', its variant CasRel_LSTM of hidden units (100).
  input(encoder, words, pretrained, hidden, dropout):
    { embedder: joint.embedder(encoder, words, pretrained, dropout) } + joint.choose('encoder', encoder, {
      words: { encoder: { type: 'lstm', hidden_size: if hidden != null then hidden else 100 } },
      transformer: joint.refuse('encoder=transformer', { hidden: hidden }),
    }),

  head(subjects, conditioning, threshold): {
    type: 'casrel',
    subjects: subjects,
    conditioning: conditioning,
    subject_spans: { threshold: threshold },
    object_spans: { threshold: threshold },
  },

  // variant: 'star', the data that marks the last word of each mention, or 'exact', the data that marks all of it.
  // lr: 1e-5 where a transformer is trained, else 1e-3, unless told.
  training(variant, encoder, frozen, batch, epochs, patience, lr): {
    local tuned = encoder == 'transformer' && frozen != true,
    data_loader: { batch_size: batch },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: if lr != null then lr else if tuned then 1e-5 else 1e-3 },
      grad_norm: 5,
    },
    protocols: joint.choose('variant', variant, {
      star: ['last_word', 'exact_span'],
      exact: ['exact_span', 'last_word'],
    }),
  },
}
