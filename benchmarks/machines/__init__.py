"""Several machines on one: network, process and mount namespaces of Linux.

A machine has an address, a host name, a process table, a /tmp and a home of its own, and something
that answers in place of an ssh server. So `ray up`, `ray stop` and `ray symmetric-run` do there
what they do anywhere, and see nothing of this machine. Needs root, `unshare` and `ip`.
"""
