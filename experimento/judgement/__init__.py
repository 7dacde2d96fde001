"""From records to a verdict with its uncertainty, and to reports."""
