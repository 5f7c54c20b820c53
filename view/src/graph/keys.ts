/** What a key does while the graph has the focus. */
export interface GraphKeys {
  readonly pan: (right: number, down: number) => void;
  readonly zoom: (direction: "in" | "out") => void;
  readonly fit: () => void;
  readonly next: (step: 1 | -1) => void;
  readonly expand: () => void;
  readonly clear: () => void;
  readonly play: () => void;
}

export function press(keys: GraphKeys, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const doing: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => keys.pan(-1, 0),
    ArrowRight: () => keys.pan(1, 0),
    ArrowUp: () => keys.pan(0, -1),
    ArrowDown: () => keys.pan(0, 1),
    "+": () => keys.zoom("in"),
    "=": () => keys.zoom("in"),
    "-": () => keys.zoom("out"),
    "0": keys.fit,
    n: () => keys.next(1),
    p: () => keys.next(-1),
    e: keys.expand,
    Escape: keys.clear,
    " ": keys.play,
  };
  const found = doing[event.key];
  if (found === undefined) return;
  event.preventDefault();
  found();
}
