"""Turns notebooks and pages into the book: execute, stage, render, check, serve, export."""
