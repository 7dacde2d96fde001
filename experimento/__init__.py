"""The experiment's tools: start the suite, put load on it, account for every check, judge."""
