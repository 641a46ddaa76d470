"""Several simulated machines on one, made of Linux network, process and mount namespaces.

Each machine has its own address, host name, process table, /tmp and home, and a replacement for an
ssh server. `ray up`, `ray stop` and `ray symmetric-run` work there as on a real machine and do not
see this one. It needs root, `unshare` and `ip`.
"""
