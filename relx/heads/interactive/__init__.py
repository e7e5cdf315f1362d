"""The bidirection-interactive Seq2Seq model, CopyRE and CopyMTL."""
