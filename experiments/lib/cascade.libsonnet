// Cascade-SRN and the ablations of its paper (Wang et al. 2022).
local joint = import 'joint.libsonnet';
local pfn = import 'pfn.libsonnet';

// The value of a variable that is null or holds three numbers, which `of` names.
local three(name, value, of) =
  if value == null || std.isArray(value) && std.length(value) == 3 && std.length(std.filter(std.isNumber, value)) == 3
  then value
  else error '%s is %s; give three numbers in brackets, %s' % [name, std.toString(value), of];

{
  // encoder: that of PFN. recurrent, Table 2: 'srn', 'bisrn' or 'bilstm'. hidden: by default 300 or, over words, 100.
  input(encoder, words, pretrained, recurrent, hidden, dropout):
    local units = pfn.units(encoder, hidden);
    local srn = { type: 'srn', hidden_size: units, tasks: ['entity', 'subject', 'object'] };
    pfn.input(encoder, words, pretrained, units, dropout, joint.choose('recurrent', recurrent, {
      srn: srn,
      bisrn: srn { bidirectional: true },
      bilstm: { type: 'lstm', hidden_size: units },
    })),

  // settings: fusion ('early' or 'late'), markers, subjects, joint, subject_vectors, task_context; weights, [alpha,
  // beta, gamma] of Eq. 15; thresholds, of entities, subjects and objects. Null is the head's default.
  // match: 'pfn_mlp', 'linear', which is Eq. 13, or another pair scorer; null takes the nearest ends instead.
  // match_size: by default 150.
  head(settings, match, match_size):
    local weights = three('weights', settings.weights, 'alpha, beta and gamma');
    local thresholds = three('thresholds', settings.thresholds, 'of entities, subjects and objects');
    local task(number) =
      (if weights == null then {} else { alpha: weights[0], beta: weights[1], gamma: weights[2] })
      + if thresholds == null then {} else { threshold: thresholds[number] };
    local later = { subject_spans: task(1), object_spans: task(2) };
    local alone = joint.refuse('joint=false', settings { joint: null, weights: null, thresholds: null });
    local late = { subject_vectors: settings.subject_vectors, task_context: settings.task_context };
    local fused = later + if settings.fusion == 'late' then {} else joint.refuse('fusion=early', late);
    local unsized = joint.refuse('match=%s' % match, { match_size: match_size });
    local own = settings { weights: null, thresholds: null };
    local size = if match_size != null then match_size else 150;
    local matched = { pair_scorer: { type: match, bias: -6 } + if match == 'linear' then unsized else { hidden_size: size } };
    local nearest = unsized + { decoding: 'nearest' };
    { type: 'cascade', fusion: 'early', entity_spans: task(0) } + joint.given(own)
    + (if settings.joint == false then alone else fused) + if match == null then nearest else matched,

  // As PFN is trained. Without relations to learn, entities say which epoch is best.
  training(encoder, pretrained, joint_training, run): pfn.training(encoder, pretrained, run) + {
    trainer+: { validation_metric: if joint_training != false then '+triple_f1' else '+entity_f1' },
  },
}
