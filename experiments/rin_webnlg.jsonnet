// RIN (Sun et al. 2020) on WebNLG, last words of entities: Table 1 gives F1 86.3, 87.0 and 86.8 for 1, 3 and 5 rounds.
// BiLSTM 85.6, BiLSTM_s 85.4; with BERT (encoder=transformer) 89.7 and 90.1 for 1 and 2 rounds.
// The version published last, head=rin_v2, has 2 rounds, 3 with variant=exact.
// The files of JointER (Yu et al. 2020) come with parts of speech:
// --var data='/corpora/webnlg/jointer_%s.json' --var form=triples --var variant=exact --var pos=given
// The variables stand in lib/rin_experiment.libsonnet.
(import 'lib/rin_experiment.libsonnet')(
  usual_rounds={ rin: { star: 3, exact: 3 }, rin_v2: { star: 2, exact: 3 } },
  usual_lr={ rin_v2: 5e-4 },
)
