declare module "graphology-layout-forceatlas2/iterate.js" {
  import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";

  /** One step, in place: ten numbers a node, three an edge. */
  export default function iterate(settings: ForceAtlas2Settings, nodes: Float32Array, edges: Float32Array): unknown;
}

declare module "graphology-layout-forceatlas2/helpers.js" {
  import type Graph from "graphology";

  export function graphToByteArrays(
    graph: Graph,
    weight: (edge: string, attributes: { weight: number }) => number,
  ): { nodes: Float32Array; edges: Float32Array };
}

declare module "graphology-layout-forceatlas2/defaults.js" {
  import type { ForceAtlas2Settings } from "graphology-layout-forceatlas2";

  const defaults: ForceAtlas2Settings;
  export default defaults;
}
