"""A memory store: the directory of its spaces, and the way into each."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Self

from echo.memory import database
from echo.memory.checks import Checker, space_name
from echo.memory.clock import Clock, system_clock
from echo.memory.context import Context
from echo.memory.database import Database
from echo.memory.embedder import Embedder
from echo.memory.errors import SchemaOutdatedError, SpaceExistsError
from echo.memory.ids import IdMaker, RandomBytes
from echo.memory.limits import Limits
from echo.memory.records import SpaceInfo
from echo.memory.space import MemorySpace
from echo.memory.weights import FadingWeights, RetrievalWeights

MIGRATIONS_NEEDED = 7
"""The version of the schema that this library needs at least; later ones only add."""


class MemoryStore:
    """Memory spaces in one database.

    async with await MemoryStore.open(url, embedder=embedder) as store:
        await store.create_space("home")
        space = store.space("home")
        await space.encode([NewMemory(content="The kettle is in the left cupboard.")])
        found = await space.retrieve(Query(text="where is the kettle?"))
    """

    def __init__(
        self,
        db: Database,
        *,
        embedder: Embedder,
        clock: Clock,
        limits: Limits,
        retrieval: RetrievalWeights,
        fading: FadingWeights,
        random: RandomBytes,
        also: Sequence[Embedder] = (),
    ) -> None:
        self._db = db
        self._embedder = embedder
        self._also = tuple(also)
        self._clock = clock
        self._limits = limits
        self._retrieval = retrieval
        self._fading = fading
        self._new_id = IdMaker(random)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        embedder: Embedder,
        also: Sequence[Embedder] = (),
        clock: Clock = system_clock,
        limits: Limits | None = None,
        retrieval: RetrievalWeights | None = None,
        fading: FadingWeights | None = None,
        random: RandomBytes = secrets.token_bytes,
        pool_size: int = 10,
        pool_timeout_s: float = 10.0,
        statement_timeout_s: float = 30.0,
    ) -> Self:
        """Connect, and look whether the schema is one that this library works on.

        Args:
            url: ``postgresql://ROLE:PASSWORD@HOST/DATABASE?sslmode=verify-full&sslrootcert=FILE``, with a role that
                row-level security binds: neither the owner nor a superuser.
            embedder: makes the vectors of what comes without one.
            also: embedders for spaces that are of another model still, until they are re-embedded.
            clock: tells the time; a test gives its own.
            limits: bounds on inputs.
            retrieval: weights of retrieval.
            fading: weights of forgetting.
            random: gives the random bytes of ids; a test gives its own.
            pool_size: connections; more calls at once wait for one.
            pool_timeout_s: how long a call waits for a connection before it fails with StoreUnavailableError.
            statement_timeout_s: longest time of one statement.

        Raises:
            SchemaOutdatedError: the migrations have not run, or the role passes row-level security by.
            StoreUnavailableError: the database cannot be reached.
        """
        db = Database(url, pool_size=pool_size, pool_timeout_s=pool_timeout_s, statement_timeout_s=statement_timeout_s)
        store = cls(
            db,
            embedder=embedder,
            clock=clock,
            limits=limits if limits is not None else Limits(),
            retrieval=retrieval if retrieval is not None else RetrievalWeights(),
            fading=fading if fading is not None else FadingWeights(),
            random=random,
            also=also,
        )
        try:
            await store.check()
        except BaseException:
            await store.close()
            raise
        return store

    async def check(self) -> int:
        """Look whether the store can be used; returns its schema's version.

        Raises:
            SchemaOutdatedError: its schema is older than this library needs, or the role is not bound.
            StoreUnavailableError: it cannot be reached.
        """
        async with self._db.transaction() as connection:
            there = await database.one(connection, _THERE)
            if there is None or not there.there:
                raise SchemaOutdatedError("the database has no memory schema: run `python -m echo.migrations`")
            if there.unbound:
                raise SchemaOutdatedError(
                    "this role passes row-level security by: log in with one that is neither superuser nor BYPASSRLS"
                )
            found = await database.one(connection, "SELECT max(version) AS version FROM echo.schema_versions")
        version = int(found.version) if found is not None and found.version is not None else 0
        if version < MIGRATIONS_NEEDED:
            raise SchemaOutdatedError(
                f"the memory schema is at version {version}, {MIGRATIONS_NEEDED} is needed: "
                "run `python -m echo.migrations`"
            )
        return version

    async def close(self) -> None:
        """Close every connection."""
        await self._db.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def spaces(self) -> list[SpaceInfo]:
        """Every space, by name."""
        async with self._db.transaction() as connection:
            found = await database.rows(connection, _SPACES)
        return [SpaceInfo(**database.fields(row)) for row in found]

    async def create_space(self, name: str, *, language: str = "english", exist_ok: bool = False) -> SpaceInfo:
        """Make a space for the embedder's vectors.

        Args:
            name: 1 to 63 of a-z, 0-9, dot, underscore and dash.
            language: a text search configuration of the database; ``simple`` stems nothing.
            exist_ok: take one that is there, if its language is the same and one of the embedders is of its model and
                width.

        Raises:
            InvalidInputError: the name or the language is none.
            SpaceExistsError: it is there, or is there with another model, width or language.
        """
        checker = Checker(self._limits)
        text = checker.label("language", language, empty=False)
        width = self._embedder.width
        if not 1 <= width <= _WIDEST:
            checker.fault("embedder.width", f"must be from 1 to {_WIDEST}, which an index can hold; is {width}")
        checker.done()
        space_name(name, self._limits)
        async with self._db.transaction() as connection:
            known = await database.one(connection, _LANGUAGE, language=text)
            if known is None:
                checker.fault("language", f"is no text search configuration of the database: {text!r}")
                checker.done()
            made = await database.one(
                connection, _CREATE, name=name, model=self._embedder.model, width=width, language=text,
                now=self._clock(),
            )  # fmt: skip
            row = await database.one(connection, f"{_SPACES_SELECT} WHERE name = :name", name=name)
        if row is None:
            raise SpaceExistsError(f"the space {name!r} was deleted while it was made; create it again")
        info = SpaceInfo(**database.fields(row))
        mine = [(one.model, one.width) for one in (self._embedder, *self._also)]
        same = (info.embedding_model, info.width) in mine
        if made is None and not (exist_ok and same and info.language == text):
            raise SpaceExistsError(
                f"there is a space {name!r}, for {info.embedding_model} ({info.width} dimensions, {info.language})"
            )
        return info

    def space(self, name: str) -> MemorySpace:
        """The way into a space, whether or not it is there yet.

        Raises:
            InvalidInputError: the name is none.
        """
        context = Context(
            name=space_name(name, self._limits),
            db=self._db,
            embedder=self._embedder,
            clock=self._clock,
            limits=self._limits,
            new_id=self._new_id,
            also=self._also,
        )
        return MemorySpace(context, retrieval=self._retrieval, fading=self._fading)


_WIDEST = 4000
_THERE = """
SELECT to_regclass('echo.schema_versions') IS NOT NULL AS there,
    (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS unbound
"""
_SPACES_SELECT = "SELECT name, embedding_model, width, language::text AS language, created_at FROM echo.spaces"
_SPACES = f"{_SPACES_SELECT} ORDER BY name"
_LANGUAGE = "SELECT 1 FROM pg_ts_config WHERE cfgname = CAST(:language AS text) AND pg_ts_config_is_visible(oid)"
_CREATE = """
INSERT INTO echo.spaces (name, embedding_model, width, language, created_at)
VALUES (:name, :model, :width, CAST(CAST(:language AS text) AS regconfig), CAST(:now AS timestamptz))
ON CONFLICT (name) DO NOTHING RETURNING id
"""
