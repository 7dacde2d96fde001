"""Watching: what is counted of the checks, what is noted and told, and who is alerted."""
