import type { MemoryKind } from "../api/types";

/** Colours of one theme; told apart by people who see fewer colours too. */
export interface Palette {
  readonly kinds: Readonly<Record<MemoryKind, string>>;
  readonly edge: string;
  readonly edgeLit: string;
  readonly faded: string;
  readonly label: string;
  readonly labelBack: string;
  readonly pleasant: string;
  readonly unpleasant: string;
  readonly neutral: string;
}

const LIGHT: Palette = {
  kinds: { episodic: "#0072b2", semantic: "#009e73", procedural: "#d55e00", autobiographical: "#a0468a" },
  edge: "#d3d7e0",
  edgeLit: "#6b7280",
  faded: "#e6e8ee",
  label: "#1b1f2a",
  labelBack: "#ffffff",
  pleasant: "#00795a",
  unpleasant: "#c2410c",
  neutral: "#8b93a5",
};

const DARK: Palette = {
  kinds: { episodic: "#5db3ec", semantic: "#3ccfa4", procedural: "#f2935b", autobiographical: "#d88fc4" },
  edge: "#2f3547",
  edgeLit: "#a5adc0",
  faded: "#272c3a",
  label: "#e8eaf0",
  labelBack: "#1a1e2a",
  pleasant: "#3ccfa4",
  unpleasant: "#f2935b",
  neutral: "#7d869b",
};

const system = window.matchMedia("(prefers-color-scheme: dark)");

export function isDark(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === undefined ? system.matches : chosen === "dark";
}

export const palette = (): Palette => (isDark() ? DARK : LIGHT);

/** Calls back when the theme changes, by the system or by hand. Returns what ends that. */
export function onTheme(changed: () => void): () => void {
  const watcher = new MutationObserver(changed);
  watcher.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", changed);
  return () => {
    watcher.disconnect();
    system.removeEventListener("change", changed);
  };
}

export type ColourBy = "kind" | "valence";

const STRONG = 0.15;

export function colourOf(colours: Palette, by: ColourBy, kind: MemoryKind, valence: number): string {
  if (by === "kind") return colours.kinds[kind] ?? colours.neutral;
  if (Math.abs(valence) < STRONG) return colours.neutral;
  return valence > 0 ? colours.pleasant : colours.unpleasant;
}
