// The bidirection-interactive Seq2Seq model on NYT, last words of entities: Table 1 gives F1 73.3; copyre_one 56.0,
// copyre_multi 58.7, copymtl_one 70.9, copymtl_multi 72.0. The model and its variables are those of interactive_webnlg;
// the corpora are told apart by data.
import 'interactive_webnlg.jsonnet'
