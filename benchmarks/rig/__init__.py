"""The parts of the gateway benchmark: contenders, upstreams, load, accounts of CPU, report.

It knows nothing of Tramontane's insides: a gateway is an address and some processes.
"""
