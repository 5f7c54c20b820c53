"""The reduced mode: a real control plane with simulated nodes and one Ollama process, without root or namespaces.

For machines where no container can run. Everything is a plain process of the user on loopback. The door is
`toolchain.reduced.cluster.Reduced`; nothing is imported here, so that the supervisor starts at once and stays small.
"""
