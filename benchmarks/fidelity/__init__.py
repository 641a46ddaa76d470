"""Is a record after e epochs of one long run as good as a run made for e epochs?"""
