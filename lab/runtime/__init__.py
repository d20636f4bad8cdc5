"""Running containers: bundles, tasks, the spawner and what its children do before they exec."""
