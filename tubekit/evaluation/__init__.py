"""Whole folders of predictions against their labels: numbers, report, command line."""
