"""The local single-node Kubernetes: a tree of processes in namespaces of its own.

Kept free of imports: PID 1 of the node starts from this package and should cost little memory.
Use :class:`toolchain.node.node.Node`.
"""
