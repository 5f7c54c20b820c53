import type { JSX } from "preact";

import { moment } from "../ui/format";
import type { Span } from "./model";
import { STEPS, type Playback } from "./playback";

export function Timeline(props: {
  readonly span: Span | null;
  readonly playback: Playback;
  readonly shown: number;
  readonly all: number;
}): JSX.Element {
  const { playback, span } = props;
  const at = Number.isFinite(playback.until) ? playback.until : span?.to;
  return (
    <div class="timeline" role="group" aria-label="Playback over time">
      <button type="button" onClick={playback.toggle} disabled={span === null} aria-pressed={playback.playing}>
        {playback.playing ? "Pause" : "Play"}
      </button>
      <input
        type="range"
        min={0}
        max={STEPS}
        step="any"
        value={playback.step}
        disabled={span === null}
        aria-label="Time"
        aria-valuetext={at === undefined ? "" : moment(at)}
        onInput={(event) => playback.seek(Number(event.currentTarget.value))}
      />
      <span class="timeline-at">
        {at === undefined ? "" : moment(at)} · <span data-testid="shown">{props.shown}</span> of{" "}
        <span data-testid="loaded">{props.all}</span>
      </span>
    </div>
  );
}
