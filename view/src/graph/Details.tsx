import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { ForgetDialog } from "../actions/ForgetDialog";
import type { Client } from "../api/client";
import { ago, moment, number, words } from "../ui/format";
import { useLoad } from "../ui/load";
import { Problem } from "../ui/parts";
import type { MemoryGraph } from "./model";

const MOST = 40;

/** One memory, whole, with its neighbours. */
export function Details(props: {
  readonly client: Client;
  readonly graph: MemoryGraph;
  readonly id: string;
  readonly onPick: (id: string) => void;
  readonly onExpand: (id: string) => void;
  readonly onForgotten: (ids: readonly string[]) => void;
}): JSX.Element {
  const { client, graph, id } = props;
  const { value: memory, error } = useLoad(() => client.memory(id), [client, id]);
  const [forgetting, setForgetting] = useState(false);
  const edges = graph.hasNode(id) ? graph.mapEdges(id, (_, { kind }, source, target) => ({ kind, source, target })) : [];
  return (
    <section class="details" aria-label="Memory" aria-live="polite">
      <Problem error={error} />
      {memory !== undefined && memory.id === id && (
        <>
          <p class="content" data-testid="content">
            {memory.content}
          </p>
          <dl>
            <dt>Kind</dt>
            <dd>
              {memory.kind}, {words(memory.tier)}
            </dd>
            <dt>When</dt>
            <dd title={moment(memory.at)}>{ago(memory.at)}</dd>
            <dt>Importance</dt>
            <dd>{number(memory.importance)}</dd>
            <dt>Strength</dt>
            <dd>{number(memory.strength)}</dd>
            <dt>Emotion</dt>
            <dd>
              valence {number(memory.emotion.valence)}, arousal {number(memory.emotion.arousal)}, dominance{" "}
              {number(memory.emotion.dominance)}, complexity {number(memory.emotion.complexity)}
            </dd>
            {memory.tags.length > 0 && (
              <>
                <dt>Tags</dt>
                <dd>{memory.tags.join(", ")}</dd>
              </>
            )}
            {memory.source !== "" && (
              <>
                <dt>Source</dt>
                <dd>{memory.source}</dd>
              </>
            )}
          </dl>
        </>
      )}
      <p class="row">
        <button type="button" onClick={() => props.onExpand(id)}>
          Expand
        </button>
        <button type="button" class="danger" onClick={() => setForgetting(true)}>
          Forget…
        </button>
      </p>
      <h3>Neighbours</h3>
      <ul class="neighbours">
        {edges.length === 0 && <li class="faint">None is loaded; “Expand” looks for them.</li>}
        {edges.slice(0, MOST).map(({ kind, source, target }) => {
          const other = source === id ? target : source;
          return (
            <li key={`${source} ${kind} ${target}`}>
              <span class="faint">{source === id ? `${words(kind)} →` : `← ${words(kind)}`}</span>{" "}
              <button type="button" class="link" onClick={() => props.onPick(other)}>
                {graph.getNodeAttribute(other, "label")}
              </button>
            </li>
          );
        })}
        {edges.length > MOST && <li class="faint">and {edges.length - MOST} more</li>}
      </ul>
      {forgetting && (
        <ForgetDialog
          client={client}
          what={{ ids: [id] }}
          onClose={() => setForgetting(false)}
          onForgotten={props.onForgotten}
        />
      )}
    </section>
  );
}
