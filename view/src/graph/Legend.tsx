import type { JSX } from "preact";

import { EDGE_KINDS, MEMORY_KINDS } from "../api/types";
import { words } from "../ui/format";
import { toggled, type Filter } from "./filter";
import { palette, type ColourBy } from "./palette";

export function Legend(props: {
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
  readonly colourBy: ColourBy;
  readonly onColourBy: (by: ColourBy) => void;
}): JSX.Element {
  const { filter, onFilter } = props;
  const colours = palette();
  return (
    <details class="legend" open={window.matchMedia("(min-width: 60rem)").matches}>
      <summary>Filter and colours</summary>
      <fieldset>
        <legend>Kinds of memory</legend>
        {MEMORY_KINDS.map((kind) => (
          <label key={kind}>
            <input
              type="checkbox"
              checked={!filter.hiddenKinds.has(kind)}
              onChange={() => onFilter({ ...filter, hiddenKinds: toggled(filter.hiddenKinds, kind) })}
            />
            <span class="dot" style={{ background: colours.kinds[kind] }} /> {kind}
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Types of edge</legend>
        {EDGE_KINDS.map((kind) => (
          <label key={kind}>
            <input
              type="checkbox"
              checked={!filter.hiddenTypes.has(kind)}
              onChange={() => onFilter({ ...filter, hiddenTypes: toggled(filter.hiddenTypes, kind) })}
            />{" "}
            {words(kind)}
          </label>
        ))}
      </fieldset>
      <label class="field">
        Colour by{" "}
        <select
          value={props.colourBy}
          onChange={(event) => props.onColourBy(event.currentTarget.value as ColourBy)}
        >
          <option value="kind">kind</option>
          <option value="valence">valence</option>
        </select>
      </label>
    </details>
  );
}
