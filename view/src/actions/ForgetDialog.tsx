import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Client } from "../api/client";
import type { ForgetRequest } from "../api/types";
import { useLoad } from "../ui/load";
import { Dialog, Problem } from "../ui/parts";

const MOST = 200;

/** Shows what would be forgotten, and forgets it when that is said. */
export function ForgetDialog(props: {
  readonly client: Client;
  readonly what: Omit<ForgetRequest, "dryRun">;
  readonly onClose: () => void;
  readonly onForgotten: (ids: readonly string[]) => void;
}): JSX.Element {
  const { client, what } = props;
  const preview = useLoad(() => client.forget({ ...what, dryRun: true }), [client]);
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const found = preview.value?.forgotten;

  const forget = async (): Promise<void> => {
    setBusy(true);
    try {
      const done = await client.forget({ ...what, dryRun: false });
      props.onClose();
      props.onForgotten(done.forgotten.map(({ id }) => id));
    } catch (failure) {
      setError(failure as Error);
      setBusy(false);
    }
  };

  return (
    <Dialog title={what.hard === true ? "Forget for good" : "Forget"} onClose={props.onClose}>
      <Problem error={preview.error ?? error} />
      {found !== undefined && (
        <>
          <p data-testid="preview">
            {found.length === 0 ? "Nothing would be forgotten." : `${found.length}${preview.value?.more === true ? " and more" : ""} would be forgotten:`}
          </p>
          <ul class="preview">
            {found.slice(0, MOST).map(({ id, why }) => (
              <li key={id}>
                <code>{id.slice(0, 8)}</code> {why}
              </li>
            ))}
            {found.length > MOST && <li>and {found.length - MOST} more</li>}
          </ul>
          {what.hard === true && <p class="problem">This cannot be undone.</p>}
        </>
      )}
      <p class="row">
        <button type="button" class="danger" disabled={busy || !found?.length} onClick={() => void forget()}>
          Forget {found?.length ?? ""}
        </button>
        <button type="button" onClick={props.onClose}>
          Cancel
        </button>
      </p>
    </Dialog>
  );
}
