import { useEffect, useState } from "preact/hooks";

import type { Span } from "./model";

const WHOLE_MS = 12_000;
export const STEPS = 1_000;

export interface Playback {
  /** 0 to STEPS; STEPS is now, with all that still comes. */
  readonly step: number;
  /** The moment that is shown. */
  readonly until: number;
  readonly playing: boolean;
  readonly toggle: () => void;
  readonly seek: (step: number) => void;
}

/** Time that runs from the first memory to the last in twelve seconds. */
export function usePlayback(span: Span | null): Playback {
  const [step, setStep] = useState(STEPS);
  const [playing, setPlaying] = useState(false);

  useEffect(() => {
    if (!playing) return undefined;
    let frame = 0;
    let before = performance.now();
    const tick = (now: number): void => {
      const passed = ((now - before) / WHOLE_MS) * STEPS;
      before = now;
      setStep((one) => Math.min(STEPS, one + passed));
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [playing]);

  useEffect(() => {
    if (step >= STEPS) setPlaying(false);
  }, [step]);

  return {
    step,
    until: span === null || step >= STEPS ? Number.POSITIVE_INFINITY : span.from + ((span.to - span.from) * step) / STEPS,
    playing,
    toggle: () => {
      if (!playing && step >= STEPS) setStep(0);
      setPlaying(!playing);
    },
    seek: (to) => {
      setPlaying(false);
      setStep(to);
    },
  };
}
