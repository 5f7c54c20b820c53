import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Client } from "../api/client";
import type { Hit } from "../api/types";
import { number } from "../ui/format";
import { Problem } from "../ui/parts";

const MOST = 20;

/** Searches the whole memory, not only what is drawn. */
export function Search(props: { readonly client: Client; readonly onPick: (id: string) => void }): JSX.Element {
  const [query, setQuery] = useState("");
  const [hits, setHits] = useState<readonly Hit[]>();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);

  const search = async (): Promise<void> => {
    if (query.trim() === "") {
      setHits(undefined);
      return;
    }
    setBusy(true);
    try {
      setHits(await props.client.search(query, MOST));
      setError(undefined);
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void search();
      }}
    >
      <input
        type="search"
        id="search"
        placeholder="Search  ( / )"
        aria-label="Search memories"
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      <button type="submit" disabled={busy}>
        Search
      </button>
      <Problem error={error} />
      {hits !== undefined && (
        <ol class="hits" aria-label="Found memories">
          {hits.length === 0 && <li class="faint">Nothing found.</li>}
          {hits.map(({ memory, score, why }) => (
            <li key={memory.id}>
              <button type="button" class="hit" onClick={() => props.onPick(memory.id)}>
                <span class="clip">{memory.content}</span>
                <span class="faint">
                  {memory.kind} · {number(score)} · {why.join(", ")}
                </span>
              </button>
            </li>
          ))}
        </ol>
      )}
    </form>
  );
}
