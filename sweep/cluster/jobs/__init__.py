"""Run a sweep as a Ray job on a remote cluster. It needs HTTP only, and does not import ray."""
