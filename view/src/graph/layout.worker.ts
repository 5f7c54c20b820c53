import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";
import iterate from "graphology-layout-forceatlas2/iterate.js";

export interface LayoutTask {
  readonly settings: ForceAtlas2Settings;
  readonly nodes: Float32Array;
  readonly edges: Float32Array;
  readonly iterations: number;
}

export interface LayoutStep {
  /** x and y of each node, in the order of the task. */
  readonly places: Float32Array;
  readonly done: boolean;
}

const PER_NODE = 10;
const TELL_EVERY_MS = 120;

self.onmessage = (message: MessageEvent<LayoutTask>) => {
  const { settings, nodes, edges, iterations } = message.data;
  let told = performance.now();
  for (let round = 1; round <= iterations; round += 1) {
    iterate(settings, nodes, edges);
    const done = round === iterations;
    if (done || performance.now() - told > TELL_EVERY_MS) {
      const places = new Float32Array((nodes.length / PER_NODE) * 2);
      for (let node = 0; node < nodes.length; node += PER_NODE) {
        places[(node / PER_NODE) * 2] = nodes[node] ?? 0;
        places[(node / PER_NODE) * 2 + 1] = nodes[node + 1] ?? 0;
      }
      const step: LayoutStep = { places, done };
      self.postMessage(step, { transfer: [places.buffer] });
      told = performance.now();
    }
  }
};
