"""Low-rank adaptation of every model to the data at hand."""
