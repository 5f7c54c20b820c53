import type { Client } from "../api/client";
import { emptyGraph, merge, span, type MemoryGraph, type Span } from "./model";

export const LIMIT = 5_000;
const NEIGHBOURS = 200;

/** The part of the memory that is loaded, which outlives a look at another page. */
export class GraphStore {
  readonly graph: MemoryGraph = emptyGraph();
  truncated = false;
  loaded = false;

  constructor(private readonly client: Client) {}

  /** Loads the most important memories. Returns how many are new. */
  async load(): Promise<number> {
    const found = await this.client.graph({ limit: LIMIT });
    this.truncated = found.truncated;
    this.loaded = true;
    return merge(this.graph, found);
  }

  /** Loads what is next to a memory. Returns how many are new. */
  async expand(id: string): Promise<number> {
    return merge(this.graph, await this.client.graph({ center: id, depth: 1, limit: NEIGHBOURS }), id);
  }

  drop(ids: readonly string[]): void {
    for (const id of ids) if (this.graph.hasNode(id)) this.graph.dropNode(id);
  }

  span(): Span | null {
    return span(this.graph);
  }

  /** The most important ones first: the order in which keys go through them. */
  ranked(): readonly string[] {
    return this.graph
      .mapNodes((id, { importance, created }) => ({ id, importance, created }))
      .sort((a, b) => b.importance - a.importance || b.created - a.created)
      .map(({ id }) => id);
  }
}
