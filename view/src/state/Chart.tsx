import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { onTheme, palette } from "../graph/palette";

export interface Series {
  readonly label: string;
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

const HEIGHT = 170;
const SYNC = "state";

/** Lines over time. Charts on one page share their cursor. */
export function Chart(props: {
  readonly title: string;
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly range?: readonly [number, number];
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const [theme, setTheme] = useState(0);
  useEffect(() => onTheme(() => setTheme((one) => one + 1)), []);

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const { edge, label } = palette();
    const axis: uPlot.Axis = { stroke: label, grid: { stroke: edge, width: 1 }, ticks: { stroke: edge } };
    const drawn = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        cursor: { sync: { key: SYNC } },
        scales: { y: props.range === undefined ? {} : { range: [...props.range] as [number, number] } },
        axes: [axis, { ...axis, size: 44 }],
        series: [
          {},
          ...props.series.map(({ label: name, colour }) => ({
            label: name,
            stroke: colour,
            width: 2,
            value: (_: uPlot, value: number | null) => (value === null ? "–" : value.toFixed(2)),
          })),
        ],
      },
      [[], ...props.series.map(() => [])],
      element,
    );
    chart.current = drawn;
    const watcher = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      drawn.destroy();
      chart.current = undefined;
    };
  }, [theme, props.series.map(({ label }) => label).join()]);

  useEffect(() => {
    chart.current?.setData([[...props.times], ...props.series.map(({ values }) => [...values])]);
    // The legend tells the last values until the pointer asks for others; it is written anew with the data.
    const frame = requestAnimationFrame(() => {
      if (props.times.length > 0) chart.current?.setLegend({ idx: props.times.length - 1 });
    });
    return () => cancelAnimationFrame(frame);
  }, [props.times, props.series, theme]);

  const last = props.series.map(({ label, values }) => `${label} ${values.at(-1)?.toFixed(2) ?? "unknown"}`);
  return (
    <figure class="chart" data-points={props.times.length}>
      <figcaption>{props.title}</figcaption>
      <div ref={place} role="img" aria-label={`${props.title}, last: ${last.join(", ")}`} />
    </figure>
  );
}
