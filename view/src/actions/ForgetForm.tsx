import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Client } from "../api/client";
import { MEMORY_KINDS, type ForgetRequest, type MemoryKind } from "../api/types";
import { toggled } from "../graph/filter";
import { Panel } from "../ui/parts";
import { ForgetDialog } from "./ForgetDialog";

const DAY_MS = 86_400_000;

/** By age, kind and tag; where nothing is said, what has faded. */
export function ForgetForm(props: { readonly client: Client; readonly onDone: () => void }): JSX.Element {
  const [days, setDays] = useState("");
  const [tags, setTags] = useState("");
  const [kinds, setKinds] = useState<ReadonlySet<MemoryKind>>(new Set());
  const [hard, setHard] = useState(false);
  const [what, setWhat] = useState<Omit<ForgetRequest, "dryRun">>();
  const named = tags
    .split(",")
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");

  const request = (): Omit<ForgetRequest, "dryRun"> => ({
    ...(days === "" ? {} : { olderThan: new Date(Date.now() - Number(days) * DAY_MS).toISOString() }),
    ...(kinds.size === 0 ? {} : { kinds: [...kinds] }),
    ...(named.length === 0 ? {} : { tags: named }),
    ...(hard ? { hard } : {}),
  });

  return (
    <Panel title="Forget">
      <p class="faint">What fits all of these; what has faded, where nothing is said.</p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          setWhat(request());
        }}
      >
        <label class="field">
          Older than (days)
          <input
            type="number"
            min={0}
            step="any"
            value={days}
            onInput={(event) => setDays(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          With tags
          <input
            placeholder="a, b"
            value={tags}
            onInput={(event) => setTags(event.currentTarget.value)}
          />
        </label>
        <fieldset>
          <legend>Kinds</legend>
          {MEMORY_KINDS.map((kind) => (
            <label key={kind}>
              <input type="checkbox" checked={kinds.has(kind)} onChange={() => setKinds(toggled(kinds, kind))} /> {kind}
            </label>
          ))}
        </fieldset>
        <label>
          <input type="checkbox" checked={hard} onChange={() => setHard(!hard)} /> for good, not to be restored
        </label>
        <p class="row">
          <button type="submit" >
            Preview…
          </button>
        </p>
      </form>
      {what !== undefined && (
        <ForgetDialog
          client={props.client}
          what={what}
          onClose={() => setWhat(undefined)}
          onForgotten={props.onDone}
        />
      )}
    </Panel>
  );
}
