import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Client } from "../api/client";
import { Problem } from "../ui/parts";
import { Details } from "./Details";
import { EVERYTHING, showsNode, type Filter } from "./filter";
import { press } from "./keys";
import { Layout } from "./layout";
import { Legend } from "./Legend";
import type { ColourBy } from "./palette";
import { usePlayback } from "./playback";
import { Scene } from "./scene";
import { Search } from "./Search";
import type { GraphStore } from "./store";
import { Timeline } from "./Timeline";

/** The memory as a graph. `changes` counts events: with each the newest part is loaded again. */
export function GraphPane(props: {
  readonly client: Client;
  readonly store: GraphStore;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
  readonly changes: number;
}): JSX.Element {
  const { client, store, selected, onSelect, changes } = props;
  const { graph } = store;
  const canvas = useRef<HTMLDivElement>(null);
  const scene = useRef<Scene | undefined>(undefined);
  const layout = useRef<Layout | undefined>(undefined);
  const [filter, setFilter] = useState<Filter>(EVERYTHING);
  const [colourBy, setColourBy] = useState<ColourBy>("kind");
  const [placing, setPlacing] = useState(false);
  const [error, setError] = useState<Error>();
  const [version, setVersion] = useState(0);
  const span = useMemo(() => store.span(), [store, version]);
  const playback = usePlayback(span);
  const shownFilter = useMemo<Filter>(() => ({ ...filter, until: playback.until }), [filter, playback.until]);
  const shown = useMemo(
    () => graph.reduceNodes((sum, _, node) => sum + (showsNode(shownFilter, node) ? 1 : 0), 0),
    [graph, shownFilter, version],
  );

  const after = useCallback(
    async (work: Promise<number>): Promise<void> => {
      try {
        const fresh = await work;
        setError(undefined);
        setVersion((one) => one + 1);
        scene.current?.grown();
        if (fresh > 0) layout.current?.run();
      } catch (failure) {
        setError(failure as Error);
      }
    },
    [],
  );

  const expand = useCallback((id: string) => void after(store.expand(id)), [after, store]);

  const pick = useCallback(
    async (id: string): Promise<void> => {
      if (!graph.hasNode(id)) await after(store.expand(id));
      onSelect(id);
    },
    [after, graph, onSelect, store],
  );

  const listeners = useRef({ onSelect, expand });
  listeners.current = { onSelect, expand };

  useEffect(() => {
    if (canvas.current === null) return undefined;
    const drawn = new Scene(graph, canvas.current, {
      onSelect: (id) => listeners.current.onSelect(id),
      onExpand: (id) => listeners.current.expand(id),
    });
    const placed = new Layout(graph, setPlacing);
    scene.current = drawn;
    layout.current = placed;
    return () => {
      placed.stop();
      drawn.end();
      scene.current = undefined;
      layout.current = undefined;
    };
  }, [graph]);

  useEffect(() => {
    if (!store.loaded || changes > 0) void after(store.load());
  }, [after, store, changes]);

  useEffect(() => {
    if (selected !== null && store.loaded && !graph.hasNode(selected)) void after(store.expand(selected));
  }, [after, graph, selected, store, version > 0]);

  useEffect(() => scene.current?.show(shownFilter, colourBy), [shownFilter, colourBy, version]);
  useEffect(() => scene.current?.select(selected), [selected, version]);

  const next = (step: 1 | -1): void => {
    const order = store.ranked().filter((id) => showsNode(shownFilter, graph.getNodeAttributes(id)));
    if (order.length === 0) return;
    const at = selected === null ? (step === 1 ? -1 : 0) : order.indexOf(selected);
    onSelect(order[(at + step + order.length) % order.length] ?? null);
  };

  const keys = {
    pan: (right: number, down: number) => scene.current?.pan(right, down),
    zoom: (direction: "in" | "out") => scene.current?.zoom(direction),
    fit: () => scene.current?.fit(),
    next,
    expand: () => selected !== null && expand(selected),
    clear: () => onSelect(null),
    play: playback.toggle,
  };

  return (
    <div class="graph-pane">
      <aside class="graph-side">
        <Search client={client} onPick={(id) => void pick(id)} />
        <Legend filter={filter} onFilter={setFilter} colourBy={colourBy} onColourBy={setColourBy} />
      </aside>
      <div class="graph-main">
        <Problem error={error} />
        <div
          ref={canvas}
          class="graph-canvas"
          id="graph"
          tabIndex={0}
          role="application"
          aria-label={`Memory graph, ${graph.order} memories and ${graph.size} edges. Keys: n and p go through the memories, e expands, arrows move, plus and minus zoom, 0 shows all, space plays.`}
          data-nodes={graph.order}
          data-edges={graph.size}
          data-placing={placing}
          onKeyDown={(event) => press(keys, event)}
        />
        {store.loaded && graph.order === 0 && <p class="graph-empty">This space has no memories yet.</p>}
        <div class="graph-tools" role="group" aria-label="View of the graph">
          <button type="button" aria-label="Zoom in" onClick={() => scene.current?.zoom("in")}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => scene.current?.zoom("out")}>
            −
          </button>
          <button type="button" onClick={() => scene.current?.fit()}>
            Fit
          </button>
          {placing && <span class="faint">placing…</span>}
          {store.truncated && <span class="faint">the most important {graph.order} are loaded; search finds the rest</span>}
        </div>
        <Timeline span={span} playback={playback} shown={shown} all={graph.order} />
      </div>
      {selected !== null && (
        <Details
          client={client}
          graph={graph}
          id={selected}
          onPick={(id) => void pick(id)}
          onExpand={expand}
          onForgotten={(ids) => {
            store.drop(ids);
            onSelect(null);
            setVersion((one) => one + 1);
            scene.current?.grown();
          }}
        />
      )}
    </div>
  );
}
