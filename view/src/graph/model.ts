import { MultiDirectedGraph } from "graphology";

import type { EdgeKind, Graph, MemoryKind } from "../api/types";

export interface NodeAttributes {
  x: number;
  y: number;
  size: number;
  label: string;
  kind: MemoryKind;
  tier: string;
  importance: number;
  strength: number;
  valence: number;
  arousal: number;
  /** Milliseconds since 1970. */
  created: number;
}

export interface EdgeAttributes {
  kind: EdgeKind;
  weight: number;
  size: number;
  created: number;
}

export type MemoryGraph = MultiDirectedGraph<NodeAttributes, EdgeAttributes>;

const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const LABEL = 36;

export const emptyGraph = (): MemoryGraph => new MultiDirectedGraph<NodeAttributes, EdgeAttributes>();

/** Adds what is not there yet and brings the rest up to date; places stay. Returns how many nodes are new. */
export function merge(graph: MemoryGraph, found: Graph, around?: string): number {
  const before = graph.order;
  const place = around !== undefined && graph.hasNode(around) ? graph.getNodeAttributes(around) : { x: 0, y: 0 };
  for (const node of found.nodes) {
    const attributes = {
      size: 2 + 6 * node.importance,
      label: node.label.length > LABEL ? `${node.label.slice(0, LABEL)}…` : node.label,
      kind: node.kind,
      tier: node.tier,
      importance: node.importance,
      strength: node.strength,
      valence: node.valence,
      arousal: node.arousal,
      created: Date.parse(node.created),
    };
    if (graph.hasNode(node.id)) {
      graph.mergeNodeAttributes(node.id, attributes);
      continue;
    }
    // A sunflower: nobody on another's place, where forces would be endless.
    const step = graph.order - before + 1;
    const radius = (around === undefined ? 10 : 3) * Math.sqrt(step);
    graph.addNode(node.id, {
      ...attributes,
      x: place.x + radius * Math.cos(step * GOLDEN_ANGLE),
      y: place.y + radius * Math.sin(step * GOLDEN_ANGLE),
    });
  }
  for (const edge of found.edges) {
    if (!graph.hasNode(edge.source) || !graph.hasNode(edge.target)) continue;
    graph.mergeEdgeWithKey(`${edge.source} ${edge.type} ${edge.target}`, edge.source, edge.target, {
      kind: edge.type,
      weight: edge.weight,
      size: 0.4 + 1.6 * edge.weight,
      created: Date.parse(edge.created),
    });
  }
  return graph.order - before;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** From the first memory to the last; null without any. */
export function span(graph: MemoryGraph): Span | null {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  graph.forEachNode((_, { created }) => {
    from = Math.min(from, created);
    to = Math.max(to, created);
  });
  return to >= from ? { from, to } : null;
}
