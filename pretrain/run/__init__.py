"""What every training run needs, whatever is trained."""
