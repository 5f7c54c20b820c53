import type { JSX } from "preact";

import type { Client } from "../api/client";
import type { Replica } from "../api/types";
import { ago, bytes } from "../ui/format";
import { useLoad } from "../ui/load";
import { Bar, Panel, Problem } from "../ui/parts";

const REPLICAS_MS = 3_000;
const MODELS_MS = 30_000;

export function ModelsPane(props: { readonly client: Client }): JSX.Element {
  const { client } = props;
  const replicas = useLoad(() => client.replicas(), [client], REPLICAS_MS);
  const models = useLoad(() => client.models(), [client], MODELS_MS);
  return (
    <>
      <Panel title="Replicas">
        <Problem error={replicas.error} />
        {replicas.value !== undefined && (
          <>
            <p class="faint">{replicas.value.waiting} requests wait.</p>
            <ul class="cards">
              {replicas.value.replicas.map((one) => (
                <ReplicaCard key={`${one.server} ${one.name}`} replica={one} />
              ))}
            </ul>
          </>
        )}
      </Panel>
      <Panel title="Models">
        <Problem error={models.error} />
        {models.value !== undefined && (
          <div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>Model</th>
                  <th>Parameters</th>
                  <th>Quantization</th>
                  <th class="num">Size</th>
                  <th>Changed</th>
                  <th class="num">Replicas</th>
                </tr>
              </thead>
              <tbody>
                {models.value.map((one) => (
                  <tr key={one.name}>
                    <td>{one.name}</td>
                    <td>{one.details?.parameter_size ?? "–"}</td>
                    <td>{one.details?.quantization_level ?? "–"}</td>
                    <td class="num">{bytes(one.size)}</td>
                    <td>{ago(one.modified_at)}</td>
                    <td class="num">
                      {replicas.value?.replicas.filter(({ models: has }) => has.some(({ name }) => name === one.name))
                        .length ?? "–"}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </>
  );
}

function ReplicaCard(props: { readonly replica: Replica }): JSX.Element {
  const { replica } = props;
  const busy = replica.running + replica.others;
  const state = !replica.up ? "down" : replica.leaving ? "leaving" : "up";
  return (
    <li class="card">
      <p>
        <strong>{replica.name}</strong> <span class="faint">{replica.server}</span>{" "}
        <span class={`badge ${state}`}>{state}</span>
      </p>
      <Bar value={replica.slots > 0 ? busy / replica.slots : 0} label={`Load of ${replica.name}`} />
      <p class="faint">
        {busy} of {replica.slots} slots · {replica.version ? `Ollama ${replica.version}` : "version unknown"}
      </p>
      <p class="faint">{replica.models.map(({ name }) => name).join(", ") || "no models"}</p>
    </li>
  );
}
