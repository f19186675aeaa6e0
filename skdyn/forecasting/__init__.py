"""Forecast observed prefixes with a pretrained network: windows, the curve of a forecast, fine-tuning."""
