// Cascade-SRN (Wang et al. 2022) on SciERC with SciBERT: Table 1 gives F1 69.2 of entities and 38.7 of strict
// relations; fusion=late 68.6 and 36.7.
//
// encoder          words, GloVe and characters, or transformer, the folder of a pretrained encoder or its name on the
//                  hub
// recurrent        Table 2: srn, bisrn or bilstm
// fusion           Table 4: early or late
// markers          Table 2: entity_subject, or subject
// subjects         Table 2: all, or gold. joint=false leaves out the relations
// pair_scorer      of start and end: pfn_mlp; linear, Eq. 13 to the letter; null takes the nearest ends
// task_context     in late fusion: none is Eq. 11 as printed, in which the subject changes the scores of its own
//                  tokens only; global_feature and lstm let it change those of all tokens
// subject_vectors  in late fusion, sets the subject's vector beside each token
// warmup           a share of the run, or steps, after which the learning rates fall to 0 at the end of the run
//
// Table 3: the scores of entities by participation. Table 6: pfn_scierc with recurrent=srn. alpha, beta and gamma of
// Eq. 15 and the thresholds: -o model.head.entity_spans.threshold=0.4, subject_spans, object_spans.
local corpora = import 'relx/corpora.libsonnet';

function(
  data=corpora.samples + '/scierc',
  format='dygie',
  encoder='words',
  vectors=null,
  dim=if vectors == null then 100,
  transformer=corpora.samples + '/tiny_transformer',
  frozen=false,
  recurrent='srn',
  hidden=if encoder == 'words' then 100 else 300,
  fusion='early',
  markers='entity_subject',
  subjects='all',
  joint=true,
  pair_scorer='pfn_mlp',
  subject_vectors=false,
  task_context='lstm',
  dropout=0.1,
  word_dropout=0.04,
  batch=4,
  epochs=100,
  patience=20,
  lr=if encoder == 'words' then 1e-3 else 5e-4,
  transformer_lr=1e-5,
  warmup=null,
  hard_negatives=false,
  seed=13
)
  local srn = { type: 'srn', hidden_size: hidden, tasks: ['entity', 'subject', 'object'] };
  local recurrent_encoder = corpora.choose('recurrent', recurrent, {
    srn: srn,
    bisrn: srn { bidirectional: true },
    bilstm: { type: 'lstm', hidden_size: hidden },
  });
  corpora.read(data, format) + {
    model: corpora.choose('encoder', encoder, {
      words: {
        embedder: {
          type: 'concatenated',
          embedders: [
            { type: 'words', vectors: vectors, dim: dim, dropout: dropout, word_dropout: word_dropout },
            { type: 'characters', dim: 30, dropout: dropout, encoder: { type: 'cnn', filters: 30, widths: [3] } },
          ],
        },
        // SRN reads from left to right, so an LSTM first reads in both directions.
        encoder: { type: 'compose', encoders: [{ type: 'lstm', hidden_size: hidden }, recurrent_encoder] },
      },
      transformer: {
        embedder: { type: 'transformer', model: transformer, trainable: !frozen, dropout: dropout },
        encoder: recurrent_encoder,
      },
    }) + {
      head: {
        type: 'cascade',
        entity_spans: {},
        decoding: if pair_scorer == null then 'nearest' else 'match',
        [if pair_scorer != null then 'pair_scorer']: {
          type: pair_scorer,
          bias: -6,
          [if pair_scorer != 'linear' then 'hidden_size']: 150,
        },
      } + if !joint then { joint: false } else {
        fusion: fusion,
        markers: markers,
        subjects: subjects,
        subject_spans: {},
        object_spans: {},
        [if fusion == 'late' then 'subject_vectors']: subject_vectors,
        [if fusion == 'late' then 'task_context']: task_context,
      },
    },
    data_loader: { batch_size: batch },
    trainer: {
      epochs: epochs,
      patience: patience,
      optimizer: { type: 'adam', lr: lr },
      [if encoder == 'transformer' && !frozen then 'parameter_groups']: { '\\.transformer\\.': { lr: transformer_lr } },
      grad_norm: if encoder == 'words' then 5 else 0.25,
      schedule: if warmup == null then { type: 'constant' } else { type: 'linear', warmup: warmup },
      validation_metric: if joint then '+triple_f1' else '+entity_f1',
    },
    // Which relations are symmetric is known for the published files only.
    protocols: ['strict', 'boundaries']
               + if std.member(['dygie', 'spert'], format) then ['symmetric_canonical'] else [],
    hard_negatives: hard_negatives,
    seed: seed,
  }
