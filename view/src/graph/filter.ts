import type { EdgeKind, MemoryKind } from "../api/types";
import type { EdgeAttributes, NodeAttributes } from "./model";

/** What is shown. */
export interface Filter {
  readonly hiddenKinds: ReadonlySet<MemoryKind>;
  readonly hiddenTypes: ReadonlySet<EdgeKind>;
  /** Milliseconds since 1970; what came later is not shown. */
  readonly until: number;
}

export const EVERYTHING: Filter = {
  hiddenKinds: new Set(),
  hiddenTypes: new Set(),
  until: Number.POSITIVE_INFINITY,
};

export const showsNode = (filter: Filter, node: NodeAttributes): boolean =>
  node.created <= filter.until && !filter.hiddenKinds.has(node.kind);

export const showsEdge = (filter: Filter, edge: EdgeAttributes): boolean =>
  edge.created <= filter.until && !filter.hiddenTypes.has(edge.kind);

export function toggled<T>(set: ReadonlySet<T>, one: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(one)) next.add(one);
  return next;
}
