"""A small record with every field, for tests."""

from typing import Any

from tubekit.experiments.record import Record


def record(
    *,
    seed: int = 0,
    table: str = "table-2",
    data: str = "retina",
    method: str = "srl",
    cases: dict[str, dict[str, float | None]] | None = None,
    groups: dict[str, str] | None = None,
    **changes: Any,
) -> Record:
    cases = cases or {"a": {"dice": 0.8}}
    recipe = {
        "chapter": "skeleton_recall",
        "profile": "laptop",
        "table": table,
        "data_name": data,
        "method": method,
    }
    fields: dict[str, Any] = {
        "recipe": recipe,
        "digest": "0" * 64,
        "seed": seed,
        "source": "phantom",
        "training_cases": ["t"],
        "validation_cases": ["v"],
        "groups": groups or {c: c for c in cases},
        "cases": cases,
        "parameters": 1,
        "steps_done": 1,
        "stopped_by": "steps",
        "best_step": 1,
        "history": [(1, 0.5)],
        "validation": [(1, 0.5)],
        "seconds_training": 1.0,
        "seconds_total": 2.0,
        "peak_memory_mb": 1.0,
        "device": "CPU",
        "precision": "32-true",
        "versions": {},
        "commit": "unknown",
        "finished": "2026-01-01T00:00:00+00:00",
    }
    return Record(**{**fields, **changes})
