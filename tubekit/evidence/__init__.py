"""What is shown of records: published numbers, verdicts, tables and the ledger."""
