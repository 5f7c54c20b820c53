import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Client } from "../api/client";
import type { Consolidation } from "../api/types";
import { Panel, Problem } from "../ui/parts";

/** First what would happen, then the same for real. */
export function Consolidate(props: { readonly client: Client; readonly onDone: () => void }): JSX.Element {
  const [found, setFound] = useState<Consolidation>();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);

  const run = async (dryRun: boolean): Promise<void> => {
    setBusy(true);
    try {
      setFound(await props.client.consolidate(dryRun));
      setError(undefined);
      if (!dryRun) props.onDone();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Panel title="Consolidate">
      <p class="faint">Strengthens what is used, joins what is the same, and finds patterns.</p>
      <Problem error={error} />
      {found !== undefined && (
        <dl data-testid="consolidated">
          <dt>Looked at</dt>
          <dd>{found.examined}</dd>
          <dt>{found.dryRun ? "Would move on" : "Moved on"}</dt>
          <dd>{Object.values(found.moved).reduce((sum, one) => sum + one, 0)}</dd>
          <dt>{found.dryRun ? "Would merge" : "Merged"}</dt>
          <dd>{found.merged}</dd>
          <dt>{found.dryRun ? "Would link" : "Linked"}</dt>
          <dd>{found.linked}</dd>
          <dt>Patterns</dt>
          <dd>{found.patterns}</dd>
          <dt>Contradictions</dt>
          <dd>{found.contradictions.length}</dd>
        </dl>
      )}
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void run(true)}>
          Preview
        </button>
        <button type="button" disabled={busy || found?.dryRun !== true} onClick={() => void run(false)}>
          Consolidate
        </button>
      </p>
    </Panel>
  );
}
