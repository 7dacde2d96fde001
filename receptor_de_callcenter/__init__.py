"""Receptor de callcenter: answers with its state; simulates an availability that can be set."""
