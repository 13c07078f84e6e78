"""Every instrument against what people use today, as ratios within one process."""
