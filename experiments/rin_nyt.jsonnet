// RIN (Sun et al. 2020) on NYT, last words of entities: Table 1 gives F1 81.5, 82.1 and 82.4 for 1, 3 and 5 rounds.
// BiLSTM 78.2, BiLSTM_s 78.1; with BERT (encoder=transformer) 87.5 and 87.8 for 1 and 2 rounds.
// Table 4 gives the F1 of entities: 90.1 and 90.9 for 1 and 5 rounds. The version published last, head=rin_v2, has
// 4 rounds, 7 with variant=exact.
// The variables stand in lib/rin_experiment.libsonnet.
(import 'lib/rin_experiment.libsonnet')(
  usual_rounds={ rin: { star: 5, exact: 5 }, rin_v2: { star: 4, exact: 7 } },
  usual_batch={ words: 50, transformer: 70 },
)
