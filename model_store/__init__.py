"""A registry that pulls each model through from its upstream once and serves it to every replica.

It speaks the part of the OCI distribution API that Ollama uses, keeps blobs and
manifests on one volume, and goes on serving them when no upstream can be reached.
"""
