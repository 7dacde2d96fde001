"""Monitor: accepts checks over HTTP, keeps their results, re-sends what got lost."""
