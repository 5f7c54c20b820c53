import type { MindState } from "../api/types";
import type { Series } from "./Chart";

type Read = (state: MindState) => number | null | undefined;

const VALENCE = "#0072b2";
const AROUSAL = "#d55e00";
const DOMINANCE = "#009e73";
const COMPLEXITY = "#b0569a";

const of = (points: readonly MindState[], label: string, colour: string, read: Read): Series => ({
  label,
  colour,
  values: points.map((point) => read(point) ?? null),
});

export const emotion = (points: readonly MindState[]): readonly Series[] => [
  of(points, "valence", VALENCE, (one) => one.emotion?.valence),
  of(points, "arousal", AROUSAL, (one) => one.emotion?.arousal),
  of(points, "dominance", DOMINANCE, (one) => one.emotion?.dominance),
  of(points, "complexity", COMPLEXITY, (one) => one.emotion?.complexity),
];

export const cognition = (points: readonly MindState[]): readonly Series[] => [
  of(points, "coherence", VALENCE, (one) => one.coherence),
  of(points, "resonance", AROUSAL, (one) => one.resonance),
  of(points, "load", DOMINANCE, (one) => one.load),
];

export const learned = (points: readonly MindState[]): readonly Series[] => [
  of(points, "experiences", VALENCE, (one) => one.learning.experiences),
  of(points, "patterns", AROUSAL, (one) => one.learning.patterns),
];

export const rate = (points: readonly MindState[]): readonly Series[] => [
  of(points, "learning rate", DOMINANCE, (one) => one.learning.rate),
];
