"""Hash the files that a server took for good without looking, where its folder of models is at hand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection
from pathlib import Path


class BlobFolder:
    """The blobs of one server on a local disk.

    Ollama hashes what it downloads when the whole model is there, and takes a file that is there already for a good
    one. So a download that ends, and whose server is killed or whose client leaves before the hashing, is never
    looked at again: this does it.
    """

    def __init__(self, models: Path) -> None:
        """Prepare.

        Args:
            models: OLLAMA_MODELS, which holds `blobs`.
        """
        self._blobs = models / "blobs"

    async def drop_damaged(self, digests: Collection[str]) -> list[str]:
        """Remove the files whose content is not what their digest says; return their digests.

        One that is not there is not damaged: a pull brings it.

        Raises:
            OSError: a file cannot be read or removed.
        """
        return [one for one in sorted(digests) if await asyncio.to_thread(self._drop_damaged, one)]

    def _drop_damaged(self, digest: str) -> bool:
        path = self._blobs / digest.replace(":", "-")
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return False
        if f"sha256:{found}" == digest:
            return False
        path.unlink(missing_ok=True)
        return True
