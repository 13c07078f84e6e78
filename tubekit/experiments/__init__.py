"""Recipes, runner and records."""
