// Cascade-SRN (Wang et al. 2022) on SciERC with SciBERT: Table 1 gives F1 69.2 of entities and 38.7 of strict
// relations; fusion=late 68.6 and 36.7.
// The variables stand in lib/cascade_experiment.libsonnet.
(import 'lib/cascade_experiment.libsonnet')(
  usual_data='fixtures/scierc',
  usual_form='dygie',
  protocols=['strict', 'boundaries', 'symmetric_canonical'],
)
