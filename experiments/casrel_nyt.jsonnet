// CasRel (Wei et al. 2020) on NYT, last words of entities: F1 89.6 with BERT, 87.5 in the first version. The model and
// its variables are those of casrel_webnlg; the corpora are told apart by data.
import 'casrel_webnlg.jsonnet'
