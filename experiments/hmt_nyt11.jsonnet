// HMT (Wei et al. 2019) on NYT11, 12 relations: Table 1 gives F1 59.9; entity_task=false is the ablation of Table 3 (57.1).
// head='novel_tagging' is the baseline of Zheng et al. 2017 (47.9). form: hrl, the files of Takanobu et al. (2019) in the
// folder data, or triples: {train,val,test}_triples.json. Where the files give entity types, those are tagged.
// The model and its variables are those of hmt_nyt10.
import 'hmt_nyt10.jsonnet'
