"""The controller: the one process where API, store, compiler, analysis and the agent's link meet."""
