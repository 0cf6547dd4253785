"""The ASGI app beside the gateway: pages and the own API, thin routes over the other parts."""
