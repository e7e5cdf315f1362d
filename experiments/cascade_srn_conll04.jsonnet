// Cascade-SRN (Wang et al. 2022) on CoNLL04, which its paper does not use.
// The variables stand in lib/cascade_experiment.libsonnet.
(import 'lib/cascade_experiment.libsonnet')(
  usual_data='fixtures/conll04',
  usual_form='spert',
  protocols=['strict', 'boundaries'],
)
