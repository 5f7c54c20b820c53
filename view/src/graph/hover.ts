import type { Settings } from "sigma/settings";
import type { NodeDisplayData, PartialButFor } from "sigma/types";

import type { EdgeAttributes, NodeAttributes } from "./model";
import type { Palette } from "./palette";

const PAD = 5;

/** A node's label on a ground of its own, in the theme's colours. */
export function drawHover(
  context: CanvasRenderingContext2D,
  data: PartialButFor<NodeDisplayData, "x" | "y" | "size" | "label" | "color">,
  settings: Settings<NodeAttributes, EdgeAttributes>,
  colours: Palette,
): void {
  const label = data.label ?? "";
  context.font = `${settings.labelSize}px ${settings.labelFont}`;
  const width = context.measureText(label).width;
  context.fillStyle = colours.labelBack;
  context.shadowColor = "rgba(0, 0, 0, 0.35)";
  context.shadowBlur = 6;
  context.beginPath();
  context.roundRect(
    data.x - data.size - PAD,
    data.y - settings.labelSize / 2 - PAD,
    data.size * 2 + width + 4 * PAD,
    settings.labelSize + 2 * PAD,
    PAD,
  );
  context.fill();
  context.shadowBlur = 0;
  context.beginPath();
  context.arc(data.x, data.y, data.size + 1, 0, 2 * Math.PI);
  context.fillStyle = data.color;
  context.fill();
  context.fillStyle = colours.label;
  context.fillText(label, data.x + data.size + PAD, data.y + settings.labelSize / 3);
}
