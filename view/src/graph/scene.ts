import Sigma from "sigma";
import type { EdgeDisplayData, NodeDisplayData } from "sigma/types";

import { drawHover } from "./hover";
import { EVERYTHING, showsEdge, showsNode, type Filter } from "./filter";
import type { EdgeAttributes, MemoryGraph, NodeAttributes } from "./model";
import { colourOf, onTheme, palette, type ColourBy, type Palette } from "./palette";

const MANY_EDGES = 4_000;
/** So many nodes are drawn in their full size, more of them smaller. */
const FULL_SIZE = 500;
const SMALLEST = 0.4;
const CLOSE = 0.25;
const MOVE = { duration: 300 };
const PAN = 0.1;

interface Listeners {
  readonly onSelect: (id: string | null) => void;
  readonly onExpand: (id: string) => void;
}

/** The drawing: which nodes are shown, in which colours, from where it is looked at. */
export class Scene {
  private readonly sigma: Sigma<NodeAttributes, EdgeAttributes>;
  private readonly endTheme: () => void;
  private colours: Palette = palette();
  private filter: Filter = EVERYTHING;
  private scale = 1;
  private colourBy: ColourBy = "kind";
  private selected: string | null = null;
  private lit: ReadonlySet<string> | null = null;

  constructor(
    private readonly graph: MemoryGraph,
    container: HTMLElement,
    listeners: Listeners,
  ) {
    this.sigma = new Sigma(graph, container, {
      allowInvalidContainer: true,
      hideEdgesOnMove: true,
      labelDensity: 0.5,
      labelGridCellSize: 220,
      labelRenderedSizeThreshold: 3.5,
      labelSize: 12,
      labelFont: "system-ui, sans-serif",
      labelColor: { color: this.colours.label },
      minCameraRatio: 0.01,
      maxCameraRatio: 4,
      zIndex: true,
      defaultDrawNodeHover: (context, data, settings) => drawHover(context, data, settings, this.colours),
      nodeReducer: (id, attributes) => this.node(id, attributes),
      edgeReducer: (id, attributes) => this.edge(id, attributes),
    });
    this.sigma.on("clickNode", ({ node }) => listeners.onSelect(node));
    this.sigma.on("clickStage", () => listeners.onSelect(null));
    this.sigma.on("doubleClickNode", (event) => {
      event.preventSigmaDefault();
      listeners.onExpand(event.node);
    });
    this.endTheme = onTheme(() => {
      this.colours = palette();
      this.sigma.setSetting("labelColor", { color: this.colours.label });
      this.refresh();
    });
  }

  /** Draws anew after nodes or edges came or went. */
  grown(): void {
    this.scale = Math.max(SMALLEST, Math.min(1, Math.sqrt(FULL_SIZE / Math.max(1, this.graph.order))));
    this.sigma.setSetting("hideEdgesOnMove", this.graph.size > MANY_EDGES);
    this.sigma.refresh();
  }

  show(filter: Filter, colourBy: ColourBy): void {
    this.filter = filter;
    this.colourBy = colourBy;
    this.refresh();
  }

  select(id: string | null): void {
    this.selected = id !== null && this.graph.hasNode(id) ? id : null;
    this.lit = this.selected === null ? null : new Set([this.selected, ...this.graph.neighbors(this.selected)]);
    // At once: before they are drawn, nodes have no place that the camera could move to.
    this.sigma.refresh();
    if (this.selected !== null) this.visit(this.selected);
  }

  private visit(id: string): void {
    const place = this.sigma.getNodeDisplayData(id);
    if (place === undefined) return;
    const camera = this.sigma.getCamera();
    void camera.animate({ x: place.x, y: place.y, ratio: Math.min(camera.ratio, CLOSE) }, MOVE);
  }

  fit(): void {
    void this.sigma.getCamera().animatedReset(MOVE);
  }

  zoom(direction: "in" | "out"): void {
    const camera = this.sigma.getCamera();
    void (direction === "in" ? camera.animatedZoom(MOVE) : camera.animatedUnzoom(MOVE));
  }

  /** Moves the camera by tenths of what is seen; up is minus one. */
  pan(right: number, down: number): void {
    const camera = this.sigma.getCamera();
    const { x, y, ratio } = camera.getState();
    // Animated, since only then edges are left out while it moves.
    void camera.animate({ x: x + right * PAN * ratio, y: y - down * PAN * ratio }, { duration: 100, easing: "linear" });
  }

  end(): void {
    this.endTheme();
    this.sigma.kill();
  }

  private refresh(): void {
    this.sigma.refresh({ schedule: true });
  }

  private node(id: string, attributes: NodeAttributes): Partial<NodeDisplayData> {
    // What is hidden needs a place all the same.
    if (!showsNode(this.filter, attributes)) return { x: attributes.x, y: attributes.y, hidden: true };
    const shown: Partial<NodeDisplayData> = {
      x: attributes.x,
      y: attributes.y,
      size: attributes.size * this.scale,
      label: attributes.label,
      color: colourOf(this.colours, this.colourBy, attributes.kind, attributes.valence),
    };
    if (this.lit === null) return shown;
    if (id === this.selected) return { ...shown, highlighted: true, forceLabel: true, zIndex: 2 };
    if (this.lit.has(id)) return { ...shown, forceLabel: this.lit.size < 12, zIndex: 1 };
    return { ...shown, color: this.colours.faded, label: "" };
  }

  private edge(id: string, attributes: EdgeAttributes): Partial<EdgeDisplayData> {
    if (!showsEdge(this.filter, attributes)) return { hidden: true };
    if (this.lit === null) return { size: attributes.size, color: this.colours.edge };
    const lit = this.graph.hasExtremity(id, this.selected ?? "");
    return lit
      ? { size: attributes.size + 0.6, color: this.colours.edgeLit, zIndex: 1 }
      : { size: attributes.size, color: this.colours.faded, hidden: this.graph.size > MANY_EDGES };
  }
}
