import type { JSX } from "preact";

import type { Client } from "../api/client";
import { number } from "../ui/format";
import { useLoad } from "../ui/load";
import { Panel, Problem } from "../ui/parts";

export function SelfImage(props: {
  readonly client: Client;
  readonly changes: number;
  readonly onMemory: (id: string) => void;
}): JSX.Element {
  const { value, error } = useLoad(() => props.client.self(), [props.client, props.changes]);
  return (
    <Panel title="Self-image">
      <Problem error={error} />
      {value?.map((layer) => (
        <div key={layer.name}>
          <h3>{layer.name}</h3>
          <ul>
            {layer.claims.length === 0 && <li class="faint">Nothing yet.</li>}
            {layer.claims.map((claim) => (
              <li key={claim.text}>
                {claim.text} <span class="faint">{number(claim.confidence)}</span>{" "}
                {claim.evidence.map((id, place) => (
                  <button type="button" class="link" key={id} onClick={() => props.onMemory(id)}>
                    [{place + 1}]
                  </button>
                ))}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </Panel>
  );
}
