import forceAtlas2 from "graphology-layout-forceatlas2";
import defaults from "graphology-layout-forceatlas2/defaults.js";
import { graphToByteArrays } from "graphology-layout-forceatlas2/helpers.js";

import type { LayoutStep, LayoutTask } from "./layout.worker";
import type { MemoryGraph } from "./model";

const FEWEST = 60;
const BUDGET = 300_000;
const LARGE = 400;

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

/** Places the nodes in a worker, so that the page answers meanwhile. */
export class Layout {
  private worker: Worker | undefined;

  constructor(
    private readonly graph: MemoryGraph,
    private readonly onRunning: (running: boolean) => void,
  ) {}

  run(): void {
    this.stop();
    if (this.graph.order < 2) return;
    const settings = {
      ...defaults,
      ...forceAtlas2.inferSettings(this.graph),
      barnesHutOptimize: this.graph.order > LARGE,
      gravity: 1,
      slowDown: 2,
    };
    const { nodes, edges } = graphToByteArrays(this.graph, (_, { weight }) => weight);
    const names = this.graph.nodes();
    const worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
    this.worker = worker;
    this.onRunning(true);
    worker.onmessage = (message: MessageEvent<LayoutStep>) => {
      if (message.data.done || !still.matches) this.place(names, message.data.places);
      if (message.data.done) this.stop();
    };
    worker.onerror = () => this.stop();
    const iterations = Math.round(Math.max(FEWEST, Math.min(LARGE, BUDGET / this.graph.order)));
    const task: LayoutTask = { settings, nodes, edges, iterations };
    worker.postMessage(task, [nodes.buffer, edges.buffer]);
  }

  stop(): void {
    if (this.worker === undefined) return;
    this.worker.terminate();
    this.worker = undefined;
    this.onRunning(false);
  }

  private place(names: readonly string[], places: Float32Array): void {
    const index = new Map(names.map((name, place) => [name, place * 2]));
    this.graph.updateEachNodeAttributes(
      (node, attributes) => {
        const at = index.get(node);
        // One that came while the layout ran keeps its place until the next run.
        if (at === undefined) return attributes;
        return { ...attributes, x: places[at] ?? 0, y: places[at + 1] ?? 0 };
      },
      { attributes: ["x", "y"] },
    );
  }
}
