"""Scenario files: what the outside does in one run (answers, events, cancel, an operator's word) and what is
expected."""
