"""A sweep as a Ray job on a remote cluster, followed from a laptop. Needs HTTP, and no ray."""
