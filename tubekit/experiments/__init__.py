"""Recipes, published numbers, runner, records, verdicts and the ledger."""
