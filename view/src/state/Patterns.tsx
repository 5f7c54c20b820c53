import type { JSX } from "preact";

import type { Client } from "../api/client";
import { ago, number, words } from "../ui/format";
import { useLoad } from "../ui/load";
import { Panel, Problem } from "../ui/parts";

const MOST = 50;

export function Patterns(props: { readonly client: Client; readonly changes: number }): JSX.Element {
  const { value, error } = useLoad(() => props.client.patterns(MOST), [props.client, props.changes]);
  return (
    <Panel title="Patterns">
      <Problem error={error} />
      {value?.length === 0 && <p class="faint">None yet.</p>}
      {value !== undefined && value.length > 0 && (
        <div class="scroll">
          <table>
            <thead>
              <tr>
                <th>Pattern</th>
                <th>Type</th>
                <th>Tier</th>
                <th class="num">Strength</th>
                <th class="num">Seen</th>
                <th class="num">Confidence</th>
                <th>Last</th>
              </tr>
            </thead>
            <tbody>
              {value.map((one) => (
                <tr key={one.id}>
                  <td>{one.label}</td>
                  <td>{one.type}</td>
                  <td>{words(one.tier)}</td>
                  <td class="num">{number(one.strength)}</td>
                  <td class="num">{one.frequency}</td>
                  <td class="num">{number(one.confidence)}</td>
                  <td>{ago(one.updated)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
