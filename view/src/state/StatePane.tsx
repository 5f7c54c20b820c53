import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import type { Client } from "../api/client";
import { number } from "../ui/format";
import { useLoad } from "../ui/load";
import { Panel, Problem } from "../ui/parts";
import { Chart } from "./Chart";
import { Patterns } from "./Patterns";
import { SelfImage } from "./SelfImage";
import { cognition, emotion, learned, rate } from "./series";

const POINTS = 300;
const EVERY_MS = 15_000;
const HOUR_MS = 3_600_000;
const RANGES: readonly [string, number | null][] = [
  ["1 hour", HOUR_MS],
  ["24 hours", 24 * HOUR_MS],
  ["7 days", 168 * HOUR_MS],
  ["all", null],
];

export function StatePane(props: {
  readonly client: Client;
  readonly changes: number;
  readonly onMemory: (id: string) => void;
}): JSX.Element {
  const { client, changes } = props;
  const [range, setRange] = useState<number | null>(null);
  const now = useLoad(() => client.state(), [client, changes], EVERY_MS);
  const past = useLoad(
    () => client.history(range === null ? undefined : new Date(Date.now() - range).toISOString(), POINTS),
    [client, changes, range],
    EVERY_MS,
  );
  const points = past.value;
  const charts = useMemo(() => {
    // Lines go on to the present.
    const found = [...(points ?? []), ...(now.value === undefined ? [] : [now.value])];
    return {
      times: found.map(({ at }) => Date.parse(at) / 1000),
      cognition: cognition(found),
      emotion: emotion(found),
      learned: learned(found),
      rate: rate(found),
    };
  }, [points, now.value]);
  const state = now.value;
  return (
    <>
      <Panel
        title="Now"
        actions={
          <div class="row" role="group" aria-label="Range of the charts">
            {RANGES.map(([name, size]) => (
              <button type="button" key={name} aria-pressed={range === size} onClick={() => setRange(size)}>
                {name}
              </button>
            ))}
          </div>
        }
      >
        <Problem error={now.error ?? past.error} />
        <dl class="tiles">
          <Tile name="Coherence" value={number(state?.coherence)} />
          <Tile name="Resonance" value={number(state?.resonance)} />
          <Tile name="Load" value={number(state?.load)} />
          <Tile name="Learning rate" value={number(state?.learning.rate)} />
          <Tile name="Answers judged" value={number(state?.learning.quality)} />
          <Tile name="Experiences" value={number(state?.learning.experiences, 0)} />
          <Tile name="Patterns" value={number(state?.learning.patterns, 0)} />
          {Object.entries(state?.memories ?? {}).map(([kind, count]) => (
            <Tile key={kind} name={kind} value={String(count)} />
          ))}
        </dl>
      </Panel>
      {points !== undefined && points.length === 0 && <p class="faint">Nothing was recorded in this time.</p>}
      <div class="charts">
        <Chart title="Cognitive state" times={charts.times} series={charts.cognition} range={[0, 1]} />
        <Chart title="Emotion" times={charts.times} series={charts.emotion} range={[-1, 1]} />
        <Chart title="Learning progress" times={charts.times} series={charts.learned} />
        <Chart title="Learning rate" times={charts.times} series={charts.rate} />
      </div>
      <div class="columns">
        <SelfImage client={client} changes={changes} onMemory={props.onMemory} />
        <Patterns client={client} changes={changes} />
      </div>
    </>
  );
}

function Tile(props: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div class="tile">
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}
